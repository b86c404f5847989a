"""WSGI applications that use everything that PEP 3333 has, by path."""
import json
import os
import random
import sys
import time
from wsgiref.validate import validator

TEXT = [('Content-Type', 'text/plain; charset=utf-8')]
closed = []
kept = {}
FIRST = random.random()
IMPORTED = time.time_ns()


class Body:
    """An iterable that notes its end."""

    def __init__(self, name, chunks):
        self.name, self.chunks = name, iter(chunks)

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self):
        closed.append(self.name)


def echo(environ, start_response):
    data = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or -1))
    start_response('200 OK', TEXT)
    return [data]


def reads(environ, start_response):
    """Calls the methods of wsgi.input that the query names, as Python, and tells what they gave."""
    source = environ['wsgi.input']
    found = [getattr(source, name)(*arguments) for name, *arguments in json.loads(environ['HTTP_X_READS'])]
    start_response('200 OK', TEXT)
    return [repr(found).encode()]


def lines(environ, start_response):
    start_response('200 OK', TEXT)
    return [b'%d:' % len(line) + line for line in environ['wsgi.input']]


def variables(environ, start_response):
    assert type(environ) is dict
    for name, value in environ.items():
        assert type(name) is str and (not isinstance(value, str) or all(ord(unit) < 256 for unit in value))
    environ['mine'] = 'of this request'
    shown = {name: value if isinstance(value, (str, bool)) else repr(value) for name, value in environ.items()}
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(shown).encode()]


def errors(environ, start_response):
    log = environ['wsgi.errors']
    log.write('to the log: \u20ac\n')
    log.writelines(['one\n', 'two\n'])
    log.flush()
    print('also here', file=log)
    try:
        log.write(b'bytes')
    except TypeError as error:
        start_response('200 OK', TEXT)
        return [str(error).encode()]


def start_wrongly(environ, start_response):
    """Calls start_response with what the header says; what it raises is the answer."""
    status, headers = eval(environ['HTTP_X_ARGUMENTS'])
    try:
        start_response(status, headers)
    except Exception as error:
        start_response('200 OK', TEXT)
        return [f'{type(error).__name__}: {error}'.encode()]
    return [b'started']


def twice(environ, start_response):
    start_response('200 OK', TEXT)
    start_response('200 OK', TEXT)


def replaced(environ, start_response):
    start_response('200 OK', TEXT)
    try:
        1 / 0
    except ZeroDivisionError:
        start_response('500 Internal Server Error', TEXT, sys.exc_info())
        return [b'replaced']


def replaced_late(environ, start_response):
    start_response('200 OK', TEXT)
    yield b'first'
    try:
        1 / 0
    except ZeroDivisionError:
        start_response('500 Internal Server Error', TEXT, sys.exc_info())
    yield b'never'


def writes(environ, start_response):
    write = start_response('200 OK', TEXT)
    write(b'written ')
    write(b'')
    write(b'twice ')
    return Body('writes', [b'returned'])


def late(environ, start_response):
    """Starts its response with its first chunk that is not empty."""
    yield b''
    start_response('200 OK', TEXT)
    yield b'late'


def chunks(environ, start_response):
    """The body that the query says."""
    start_response('200 OK', TEXT)
    return eval(environ['HTTP_X_BODY'])


def not_started(environ, start_response):
    return [b'x']


def steps(environ, start_response):
    start_response('200 OK', TEXT)
    return Body('steps', [b'', b'one ', b'', b'two ', b'three'])


def breaks(environ, start_response):
    start_response('200 OK', TEXT)
    return Body('breaks', [b'one', RuntimeError('in the body')])


def closes(environ, start_response):
    names = ' '.join(closed)
    closed.clear()
    start_response('200 OK', TEXT)
    return [names.encode()]


def fails(environ, start_response):
    raise ValueError('before the head: \u20ac')


def exits(environ, start_response):
    sys.exit(3)


def big(environ, start_response):
    start_response('200 OK', TEXT)
    return [b'0123456789' * 500_000]


def file(environ, start_response):
    opened = open(__file__, 'rb')
    opened.seek(int(environ['QUERY_STRING'] or 0))
    start_response('200 OK', TEXT)
    return environ['wsgi.file_wrapper'](opened, 100)


def temporary(environ, start_response):
    """A wrapper around what has no descriptor of the machine."""
    import io
    start_response('200 OK', TEXT)
    return environ['wsgi.file_wrapper'](io.BytesIO(b'in memory'), 4)


def keep_input(environ, start_response):
    kept['input'] = environ['wsgi.input']
    start_response('200 OK', TEXT)
    return [b'kept']


def read_kept(environ, start_response):
    try:
        kept['input'].read()
    except ValueError as error:
        start_response('200 OK', TEXT)
        return [str(error).encode()]


def broken_body(environ, start_response):
    """Catches what a body that breaks off raises."""
    environ['wsgi.errors'].write('reads\n')
    try:
        environ['wsgi.input'].read()
    except OSError as error:
        environ['wsgi.errors'].write(f'caught {type(error).__name__}\n')
        raise


def state(environ, start_response):
    seen = environ['quaich.state']
    seen['added'] = seen.get('added', 0) + 1
    start_response('200 OK', TEXT)
    return [json.dumps(seen).encode()]


def gone(environ, start_response):
    start_response('200 OK', TEXT)
    return [repr(environ['quaich.client_disconnected']()).encode()]


def sleep(environ, start_response):
    time.sleep(float(environ['QUERY_STRING']))
    start_response('200 OK', TEXT)
    return [b'slept']


def loop(environ, start_response):
    """Never ends by itself."""
    environ['wsgi.errors'].write('the loop begins\n')
    try:
        while True:
            pass
    finally:
        environ['wsgi.errors'].write('the loop has ended\n')


def os_exit(environ, start_response):
    os._exit(3)


def os_abort(environ, start_response):
    os.abort()


def worker(environ, start_response):
    """Tells how many such requests this interpreter has had, and a number of its own."""
    kept['count'] = kept.get('count', 0) + 1
    start_response('200 OK', TEXT)
    return [f'{kept["count"]} {FIRST}'.encode()]


def imported(environ, start_response):
    """Tells when the module was imported, and a number at random."""
    time.sleep(0.3)
    start_response('200 OK', TEXT)
    return [f'{IMPORTED} {random.random()}'.encode()]


def hints(environ, start_response):
    environ['quaich.early_hints']([('Link', '</style.css>; rel=preload')])
    start_response('200 OK', TEXT)
    return [b'hinted']


def stream(environ, start_response):
    """As much as the client takes."""
    start_response('200 OK', TEXT)
    def blocks():
        try:
            for _ in range(100_000):
                yield b'x' * 10_000
        finally:
            environ['wsgi.errors'].write('the stream was closed\n')
    return blocks()


def application(environ, start_response):
    name = environ['PATH_INFO'].strip('/').partition('/')[0] or 'steps'
    return globals()[name](environ, start_response)


checked = validator(application)
