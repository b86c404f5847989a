"""Runs WSGI applications (PEP 3333) for Quaich: all of a request that can be done in Python is done here, so that the
border to JavaScript is crossed once for a small response.

JavaScript (runner.ts) writes the variables of a request, and blocks of its body, into IN, and reads WORDS after each
call: where the head of the response lies in memory, and where a chunk of its body does. The address of a `bytes` is its
`id`; `request` keeps what JavaScript is still to read. What has to leave Python goes by the functions of `host`.
"""
import asyncio
import atexit
import importlib
import inspect
import os
import random
import site
import sys
import traceback
from json import dumps, loads

import _quaich_repairs
from _quaich_loader import explain, hook, import_file, pick
from _quaich_repairs import host
from _quaich_streams import IN, IN_VIEW, Disconnected, Errors, FileWrapper, Input, request

# What a call answers; runner.ts has the same numbers.
COMPLETE = 0  # all of the body is there, and there is nothing to close
CHUNK = 1  # a chunk of the body: more may follow
END = 2  # the body has ended: `close` is due
FILE = 3  # the body is a file that the server may send itself
FAILED = 4  # the application has raised an exception: its traceback stands in place of the head
REFUSED = 5  # JavaScript has thrown an error, which has come out of the application: it is the one to tell of

# Places in WORDS: addresses and lengths in bytes; a length of 0 says that no head has to be sent now.
HEAD, HEAD_LENGTH, BODY, BODY_LENGTH, DESCRIPTOR, BLOCK_SIZE = range(6)
WORDS_MEMORY = bytearray(24)
WORDS = memoryview(WORDS_MEMORY).cast('I')
# Bytes from the address of a `bytes` to its first byte.
DATA = bytes.__basicsize__ - 1


def start_response(status, headers, exc_info=None):
    if exc_info:
        try:
            if request.sent:
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None
    elif request.head is not None:
        raise AssertionError('start_response was called a second time without exc_info (PY-14)')
    if not isinstance(status, str):
        raise TypeError(f'the status must be a str, got {type(status).__name__} (PY-13)')
    if not isinstance(headers, list):
        raise TypeError(f'the headers must be a list, got {type(headers).__name__} (PY-13)')
    parts = [status]
    for name, value in headers:
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f'name and value of a header must be str, got {name!r}: {value!r} (PY-13)')
        parts.append(name)
        parts.append(value)
    text = '\0'.join(parts)
    if text.count('\0') >= len(parts):
        raise ValueError('a NUL in the head of the response (PY-13)')
    request.head = text.encode('latin-1')
    return write


def write(chunk):
    if type(chunk) is not bytes:
        chunk = as_bytes(chunk)
    put(chunk, CHUNK)
    if host.write() < 0:
        raise Disconnected('the server takes no more of this response')


def put(chunk, answer):
    """Leaves a chunk for JavaScript, with the head if that has not been sent."""
    request.chunk = chunk
    WORDS[BODY] = id(chunk) + DATA
    WORDS[BODY_LENGTH] = len(chunk)
    put_head()
    return answer


def put_head():
    if request.sent:
        WORDS[HEAD_LENGTH] = 0
        return
    if request.head is None:
        raise AssertionError('the application has not called start_response (PY-16)')
    request.sent = True
    WORDS[HEAD] = id(request.head) + DATA
    WORDS[HEAD_LENGTH] = len(request.head)


def as_bytes(chunk):
    if isinstance(chunk, bytes):
        return bytes(chunk)
    raise TypeError(f'a chunk of the body must be bytes, got {type(chunk).__name__} (PY-16)')


# Names of variables, and what else is in the environ of requests that have these; by number.
SHAPES = []
# The flags of a shape.
MULTIPROCESS, RUN_ONCE, EARLY_HINTS = 1, 2, 4


def add_shape(names, flags):
    """A new shape; answers with its number."""
    environ = {
        'wsgi.version': (1, 0),
        'wsgi.errors': errors,
        'wsgi.multithread': False,
        'wsgi.multiprocess': flags & MULTIPROCESS != 0,
        'wsgi.run_once': flags & RUN_ONCE != 0,
        'wsgi.input_terminated': True,
        'wsgi.file_wrapper': FileWrapper,
        'quaich.client_disconnected': client_disconnected,
    }
    if flags & EARLY_HINTS:
        environ['quaich.early_hints'] = early_hints
    SHAPES.append((tuple(map(sys.intern, names.split('\0'))), environ))
    return len(SHAPES) - 1


def forget_shapes():
    SHAPES.clear()


errors = Errors()


def client_disconnected():
    return bool(host.disconnected())


def early_hints(headers):
    if refusal := host.hints(dumps([[name, value] for name, value in headers])):
        raise ValueError(refusal)


# Applications, each with the state that its startup hook has filled, or None; by number.
APPLICATIONS = []


def run(application, shape, length):
    """A request whose variables fill so many bytes of IN, up to the first chunk of its response."""
    request.head = request.body = request.steps = None
    request.sent = False
    try:
        names, base = SHAPES[shape]
        values = str(IN_VIEW[:length], 'latin-1').split('\0')
        # Where one of them has a NUL, or all of them are too large, they come another way.
        if len(values) != len(names):
            values = loads(host.values())
        environ = base.copy()
        environ.update(zip(names, values))
        environ['wsgi.input'] = request.input = Input()
        application, state = APPLICATIONS[application]
        if state is not None:
            environ['quaich.state'] = state.copy()
        body = application(environ, start_response)
        kind = type(body)
        if kind is list or kind is tuple:
            for chunk in body:
                if type(chunk) is not bytes:
                    as_bytes(chunk)
            return put(body[0] if len(body) == 1 and type(body[0]) is bytes else b''.join(body), COMPLETE)
        request.body = body
        if kind is FileWrapper and not request.sent and (descriptor := body.descriptor()) >= 0:
            put_head()
            WORDS[BODY_LENGTH] = 0
            WORDS[DESCRIPTOR] = descriptor
            WORDS[BLOCK_SIZE] = body.blksize
            return FILE
        request.steps = iter(body)
    except BaseException as exception:
        return failed(exception)
    return step()


def step():
    """The next chunk that is not empty."""
    try:
        if request.steps is None:
            request.steps = iter(request.body)
        for chunk in request.steps:
            if type(chunk) is not bytes:
                chunk = as_bytes(chunk)
            if chunk:
                return put(chunk, CHUNK)
        return put(b'', END)
    except BaseException as exception:
        return failed(exception)


def close():
    """Closes the body and forgets the request."""
    body = request.body
    request.body = request.steps = request.input = request.chunk = None
    try:
        closer = getattr(body, 'close', None)
        if closer is not None:
            closer()
    except BaseException as exception:
        return failed(exception)
    return END


def failed(exception):
    """Leaves what came out of the application for JavaScript."""
    if isinstance(exception, Disconnected):
        return REFUSED
    # Our frames are nobody's concern.
    way = exception.__traceback__
    while way is not None and way.tb_frame.f_code.co_filename.startswith('<_quaich'):
        way = way.tb_next
    text = ''.join(traceback.format_exception(type(exception), exception, way)).rstrip()
    request.chunk = text.encode('utf-8', 'backslashreplace')
    WORDS[HEAD] = id(request.chunk) + DATA
    WORDS[HEAD_LENGTH] = len(request.chunk)
    return FAILED


def wake(settings):
    """Makes an interpreter that was made elsewhere, or at another time, one of this thread."""
    settings = loads(settings)
    os.environ.clear()
    os.environ.update(settings['environ'])
    os.chdir(settings['directory'])
    os.getpid = lambda: settings['pid']
    sys.pycache_prefix = settings['pycache']
    sys.dont_write_bytecode = settings['pycache'] is None
    _quaich_repairs.library = settings['library']
    # Pyodide puts the current directory there each time.
    sys.path[:] = [path for path in sys.path if path]
    sys.path[:0] = [path for path in settings['path'] if path not in sys.path]
    for folder in settings['site']:
        site.addsitedir(folder)
    asyncio._set_running_loop(None)
    # What must not be the same in each of them.
    random.seed()
    if tempfile := sys.modules.get('tempfile'):
        tempfile._name_sequence = None


# What `load` has answered, by what it was asked for: a factory is called once, also where an image has what it made.
LOADED = {}
# The lifespan hooks of the module by stage, None before it is loaded, and what its startup hook fills.
hooks = None
state = {}


def load(file, module, export):
    """Imports the module of an application; answers in JSON with what it is, or why it is none."""
    global hooks
    if answer := LOADED.get((file, module, export)):
        return answer
    if not file and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        loaded = import_file(file) if file else importlib.import_module(module)
        name, application = pick(loaded, file or module, export)
        hooks = hooks or {stage: hook(application, loaded, stage) for stage in ('startup', 'shutdown')}
    except BaseException as exception:
        failed(exception)
        return dumps({'failure': explain(exception), 'traceback': request.chunk.decode()})
    starts = hooks['startup'] is not None
    answer = dumps({'application': len(APPLICATIONS), 'export': name, 'starts': starts})
    APPLICATIONS.append((application, state if starts else None))
    return LOADED.setdefault((file, module, export), answer)


def run_hook(stage):
    """Runs the startup or the shutdown hook, and behind the latter what `atexit` has; None, or why it has failed."""
    try:
        if hooks[stage] is not None:
            result = hooks[stage](state)
            if inspect.iscoroutine(result):
                asyncio.run(result)
        if stage == 'shutdown':
            atexit._run_exitfuncs()
    except BaseException as exception:
        failed(exception)
        return request.chunk.decode()
