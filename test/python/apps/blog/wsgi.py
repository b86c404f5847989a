from .words import WORDS


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [WORDS + b' ' + __name__.encode()]
