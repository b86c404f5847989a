"""Has used, when it is imported, what must not be the same in each of its workers."""
import random
import tempfile

random.random()
tempfile.mktemp()


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [f'{random.random()} {tempfile.mktemp()}'.encode()]
