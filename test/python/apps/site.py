"""Called like a module of Python's library."""


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'Hello, world\n']


class Nested:
    app = application


def create_app():
    return application
