"""What an application reads from and writes to: `wsgi.input`, `wsgi.errors`, `wsgi.file_wrapper`."""
import sys
from io import BufferedReader, FileIO, UnsupportedOperation

from _quaich_repairs import host

# Where JavaScript writes the variables of a request, and blocks of its body.
IN = bytearray(262144)
IN_VIEW = memoryview(IN)


class Disconnected(ConnectionError):
    """The body of the request will never be complete, or nobody takes the response any more."""


class Request:
    """The request in progress: an interpreter has one at a time."""

    __slots__ = ('input', 'head', 'sent', 'body', 'steps', 'chunk')


request = Request()
request.input = request.body = None


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
