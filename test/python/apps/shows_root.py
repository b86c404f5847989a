import os

raise LookupError(' '.join(sorted(os.listdir('/'))))
