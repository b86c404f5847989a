"""Has used, when it is imported, what must not be the same in each of its workers."""
import random
import tempfile

# More than the memory that an interpreter begins with.
large = b'x' * 2 ** 25

random.random()
tempfile.mktemp()


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [f'{random.random()} {tempfile.mktemp()}'.encode()]
