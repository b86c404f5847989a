import pwd
