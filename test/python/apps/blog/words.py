WORDS = b'of a package'
