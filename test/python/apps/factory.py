def create_app():
    def made(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [b'made']

    return made
