"""Mends what Python on WebAssembly lacks, or does otherwise than applications expect. Each repair says what was wrong,
and a test fails without it.
"""
import _thread
import asyncio
import errno
import fcntl
import functools
import hashlib
import marshal
import os
import signal
import socket
import sys
import threading
import time
import zipimport
from asyncio import base_events, events

from pyodide.ffi import JsException


class Host:
    """The functions of JavaScript. None while a snapshot is made: it can hold no object of JavaScript."""


host = Host()


def connect(functions):
    for name in ('read', 'write', 'error', 'values', 'disconnected', 'hints', 'sleep', 'pbkdf2', 'scrypt'):
        setattr(host, name, getattr(functions, name))


def disconnect():
    host.__dict__.clear()


# Threads: there are none, and the message of Python does not say why.
def no_thread(*_, **__):
    raise RuntimeError("can't start new thread: Python applications have no threads here (see docs/python.md)")


_thread.start_new_thread = _thread.start_joinable_thread = threading._start_joinable_thread = no_thread


# Processes: `os.system` alone would start one.
def no_process(*_, **__):
    raise OSError(errno.ENOSYS, 'Python applications start no processes here (see docs/python.md)')


os.system = no_process


# Sockets: those of this build pretend to connect, to listen and to send datagrams, and nothing gets anywhere.
def no_connection(_, address):
    raise OSError(errno.ENETUNREACH, f'cannot connect to {address}: Python applications have no sockets here')


socket.socket.connect = no_connection
socket.socket.connect_ex = lambda _, address: errno.ENETUNREACH


def no_socket(*_):
    raise OSError(errno.ENETUNREACH, 'Python applications have no sockets here (see docs/python.md)')


socket.socket.listen = socket.socket.sendto = socket.socket.sendmsg = no_socket


# Locks on whole files: they are granted to everybody, as Emscripten has it. Those on ranges hold (system-calls.ts).
fcntl.flock = lambda file, operation: fcntl.lockf(file, operation)


# Sleep: that of this build burns the processor. In short naps, so that an interrupt is noticed.
def sleep(seconds):
    if seconds < 0:
        raise ValueError('sleep length must be non-negative')
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        host.sleep(min(left, 0.05))


time.sleep = sleep


# Interrupts: where SIGINT has the very handler of Python, `asyncio.run` has it end the task at its next `await` only,
# which a sleep or a computation may never come to.
signal.signal(signal.SIGINT, functools.partial(signal.default_int_handler))


# Hashes that hashlib has of OpenSSL, which is not there: Node has them.
def hexadecimal(data):
    return bytes(memoryview(data)).hex()


def derived(derive, password, salt, *parameters):
    try:
        return bytes.fromhex(derive(hexadecimal(password), hexadecimal(salt), *parameters))
    except JsException as error:
        raise ValueError(str(error)) from None


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    length = hashlib.new(hash_name).digest_size if dklen is None else dklen
    return derived(host.pbkdf2, password, salt, iterations, length, hash_name)


def scrypt(password, *, salt, n, r, p, maxmem=0, dklen=64):
    return derived(host.scrypt, password, salt, dklen, n, r, p, maxmem)


hashlib.pbkdf2_hmac = pbkdf2_hmac
hashlib.scrypt = scrypt


# asyncio: the loops of Pyodide are made for promises of JavaScript, so `asyncio.run` would not wait for its task. Here
# loops have tasks and timers, and no sockets.
class Timers:
    """A selector of nothing: it lets time pass."""

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError('this event loop waits for something that cannot happen: it has timers and no sockets')
        if timeout > 0:
            time.sleep(timeout)
        return []


class Loop(base_events.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = Timers()

    def _process_events(self, _):
        pass

    def _write_to_self(self):
        pass


class Policy(events._BaseDefaultEventLoopPolicy):
    _loop_factory = Loop


events._set_event_loop_policy(Policy())

# The library is compiled anew by each interpreter, since Python keeps no code of what lies in a zip. `library` is a
# folder to keep it in, or None.
library = None
compile_source = zipimport._compile_source


def compile_once(path, source):
    if library is None:
        return compile_source(path, source)
    file = f'{library}/{path.rpartition(".zip/")[2].replace("/", ".")}c'
    try:
        with open(file, 'rb') as kept:
            return marshal.loads(kept.read())
    except (OSError, EOFError, ValueError, TypeError):
        code = compile_source(path, source)
    try:
        unique = f'{file}.{os.urandom(8).hex()}'
        with open(unique, 'xb') as kept:
            kept.write(marshal.dumps(code))
        os.replace(unique, file)
    except OSError:
        pass
    return code


zipimport._compile_source = compile_once

# What most applications import, for the snapshot to have it.
LIBRARY = """
argparse base64 calendar collections.abc concurrent.futures contextvars copy csv dataclasses datetime decimal difflib
email.message email.parser email.utils enum fractions functools gettext gzip heapq hmac html http.client http.cookies
importlib.metadata importlib.resources inspect ipaddress itertools json linecache locale logging mimetypes numbers
pathlib pickle pkgutil platform posixpath pprint queue random re secrets shutil site sqlite3 statistics string
stringprep tempfile textwrap traceback types typing unicodedata urllib.parse urllib.request uuid warnings weakref wsgiref.util
zipfile zoneinfo
"""
for name in LIBRARY.split():
    __import__(name)
