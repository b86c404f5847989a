"""Runs WSGI applications (PEP 3333) for Quaich: all of a request that can be done in Python is done here, so that the
border to JavaScript is crossed once for a small response.

JavaScript (runner.ts) writes the variables of a request, and blocks of its body, into IN, and reads WORDS after each
call: where the head of the response lies in memory, and where a chunk of its body does. The address of a `bytes` is its
`id`; `request` keeps what JavaScript is still to read. What has to leave Python goes by the functions of `host`.
"""
import asyncio
import atexit
import importlib
import importlib.util
import inspect
import os
import random
import site
import sys
import traceback
from io import BufferedReader, FileIO, UnsupportedOperation
from json import dumps, loads

import _quaich_repairs
from _quaich_repairs import host

# What a call answers; runner.ts has the same numbers.
COMPLETE = 0  # all of the body is there, and there is nothing to close
CHUNK = 1  # a chunk of the body: more may follow
END = 2  # the body has ended: `close` is due
FILE = 3  # the body is a file that the server may send itself
FAILED = 4  # the application has raised an exception: its traceback stands in place of the head
REFUSED = 5  # JavaScript has thrown an error, which has come out of the application: it is the one to tell of

IN = bytearray(262144)
IN_VIEW = memoryview(IN)
# Places in WORDS: addresses and lengths in bytes; a length of 0 says that no head has to be sent now.
HEAD, HEAD_LENGTH, BODY, BODY_LENGTH, DESCRIPTOR, BLOCK_SIZE = range(6)
WORDS_MEMORY = bytearray(24)
WORDS = memoryview(WORDS_MEMORY).cast('I')
# Bytes from the address of a `bytes` to its first byte.
DATA = bytes.__basicsize__ - 1


class Disconnected(ConnectionError):
    """The body of the request will never be complete, or nobody takes the response any more."""


class Input:
    """`wsgi.input`: reads block until the client has sent what they ask for."""

    # Made for each request and read in few: these are attributes of the class until the first read.
    _block = b''
    _at = 0
    _ended = False

    def _more(self, most, line=False):
        """The next bytes, at most so many; none at the end."""
        if request.input is not self:
            raise ValueError('the request of this wsgi.input is over')
        if self._ended:
            return b''
        count = host.read(min(most, len(IN)), line)
        if count < 0:
            raise Disconnected('the body of the request will never be complete')
        self._ended = count == 0
        return IN_VIEW[:count].tobytes()

    def _take(self, most):
        """What has been read already, at most so many bytes."""
        block, at = self._block, self._at
        self._at = min(len(block), at + most)
        return block[at:self._at]

    def read(self, size=-1):
        missing = sys.maxsize if size is None or size < 0 else size
        parts = [self._take(missing)]
        missing -= len(parts[0])
        while missing > 0 and (block := self._more(missing)):
            parts.append(block)
            missing -= len(block)
        return parts[0] if len(parts) == 1 else b''.join(parts)

    def readline(self, size=-1):
        missing = sys.maxsize if size is None or size < 0 else size
        parts = []
        while missing > 0:
            if self._at == len(self._block):
                self._block, self._at = self._more(len(IN), True), 0
                if not self._block:
                    break
            end = self._block.find(b'\n', self._at) + 1
            part = self._take(min(missing, (end or len(self._block)) - self._at))
            parts.append(part)
            missing -= len(part)
            if part.endswith(b'\n'):
                break
        return b''.join(parts)

    def readlines(self, hint=-1):
        most = sys.maxsize if hint is None or hint <= 0 else hint
        lines, total = [], 0
        while total < most and (line := self.readline()):
            lines.append(line)
            total += len(line)
        return lines

    def __iter__(self):
        return self

    def __next__(self):
        if line := self.readline():
            return line
        raise StopIteration

    # What io.BufferedReader and others ask of a file, beside PEP 3333.
    closed = False

    def readinto(self, target):
        block = self.read(len(target))
        target[:len(block)] = block
        return len(block)

    def read1(self, size=-1):
        most = sys.maxsize if size < 0 else size
        return self._take(most) or self._more(most)

    def readable(self):
        return True

    def writable(self):
        return False

    def seekable(self):
        return False

    def fileno(self):
        raise UnsupportedOperation('fileno')

    def flush(self):
        pass

    def close(self):
        pass


class Errors:
    """`wsgi.errors`: text is out when the call returns."""

    encoding = 'utf-8'
    errors = 'backslashreplace'

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f'wsgi.errors takes str, got {type(text).__name__}')
        host.error(text)
        return len(text)

    def writelines(self, lines):
        self.write(''.join(lines))

    def flush(self):
        pass

    def isatty(self):
        return False


class FileWrapper:
    """`wsgi.file_wrapper`: the body of a response that is a file."""

    def __init__(self, filelike, blksize=65536):
        self.filelike = filelike
        self.blksize = blksize
        if hasattr(filelike, 'close'):
            self.close = filelike.close

    def __iter__(self):
        return self

    def __next__(self):
        if data := self.filelike.read(self.blksize):
            return data
        raise StopIteration

    def descriptor(self):
        """That of a plain file from which nothing was read; -1 for any other."""
        file = getattr(self.filelike, 'file', self.filelike)
        try:
            return file.fileno() if type(file) in (BufferedReader, FileIO) and file.tell() == 0 else -1
        except (OSError, ValueError):
            return -1


class Request:
    """The request in progress: an interpreter has one at a time."""

    __slots__ = ('input', 'head', 'sent', 'body', 'steps', 'chunk')


request = Request()
request.input = request.body = None


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
    # The frames of this file are nobody's concern.
    way = exception.__traceback__
    while way is not None and way.tb_frame.f_code.co_filename == __file__:
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
    importlib.invalidate_caches()
    asyncio._set_running_loop(None)
    sys.stdout.reconfigure(line_buffering=True)
    # What must not be the same in each of them.
    random.seed()
    if tempfile := sys.modules.get('tempfile'):
        tempfile._name_sequence = None


# The lifespan hooks of the module by stage, None before it is loaded, and what its startup hook fills.
hooks = None
state = {}


def load(file, module, export):
    """Imports the module of an application; answers in JSON with what it is, or why it is none."""
    global hooks
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
    APPLICATIONS.append((application, state if starts else None))
    return dumps({'application': len(APPLICATIONS) - 1, 'export': name, 'starts': starts})


def import_file(file):
    """The module that a file is, by the name that it has in its package."""
    folder, name = os.path.split(file[:-3])
    while os.path.exists(f'{folder}/__init__.py'):
        folder, package = os.path.split(folder)
        name = f'{package}.{name}'
    if folder not in sys.path:
        sys.path.insert(0, folder)
    known = sys.modules.get(name)
    if known is not None and getattr(known, '__file__', None) == file:
        return known
    if '.' in name:
        return importlib.import_module(name)
    # One that is called like a module of the library, as site.py is, has another name beside it.
    if known is not None or name in sys.stdlib_module_names:
        name = f'{name}_'
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class NoApplication(Exception):
    """What was named is no application: the message says all."""


def pick(module, shown, export):
    """The application that a module exports, by its name."""
    for name in [export] if export else ['application', 'app', 'create_app()']:
        value = module
        try:
            for part in name.removesuffix('()').split('.'):
                value = getattr(value, part)
        except AttributeError:
            continue
        if name.endswith('()'):
            value = value()
        if not callable(value):
            raise NoApplication(f'"{name}" in {shown} is {type(value).__name__}, expected a WSGI application')
        if inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(type(value).__call__):
            raise NoApplication(
                f'"{name}" in {shown} is an ASGI application: only WSGI is served here, so give it to an ASGI server'
            )
        return name, value
    raise NoApplication(f'{shown} has no {export or "application, app or create_app()"}')


def hook(application, module, stage):
    found = getattr(application, stage, None) or getattr(module, stage, None)
    return found if callable(found) else None


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


def explain(exception):
    """Why a module could not be loaded, in one line."""
    if isinstance(exception, NoApplication):
        return str(exception)
    file, line = getattr(exception, 'filename', None), getattr(exception, 'lineno', None)
    if not isinstance(exception, SyntaxError) or file is None:
        own = [
            frame
            for frame in traceback.extract_tb(exception.__traceback__)
            if frame.filename.startswith('/') and '.zip/' not in frame.filename
        ]
        file, line = (own[-1].filename, own[-1].lineno) if own else (None, None)
    text = getattr(exception, 'msg', None) or str(exception)
    place = f' (at {file}:{line})' if file else ''
    return f'{type(exception).__name__}: {text.partition(chr(10))[0]}{place}{advice(exception)}'


def advice(exception):
    """What to do where a module is missing."""
    if not isinstance(exception, ImportError) or not exception.name:
        return ''
    parent, _, last = exception.name.rpartition('.')
    if exception.name.partition('.')[0] in sys.stdlib_module_names:
        return f'; Python on WebAssembly has no {exception.name}: see docs/python.md'
    folders = [os.path.join(path, *parent.split('.')) for path in sys.path]
    if any(entry.startswith(f'{last}.') and entry.endswith('.so') for entry in files_of(folders)):
        return '; it is native code, which runs here only where it was built for Pyodide: see docs/python.md'
    if isinstance(exception, ModuleNotFoundError):
        return '; is it in the virtual environment (--python-venv), or below a --python-path?'
    return ''


def files_of(folders):
    for folder in folders:
        try:
            yield from os.listdir(folder)
        except OSError:
            pass
