"""What Python on WebAssembly has to be helped with, by path: each tells what happened."""
import sys

KNOWN = frozenset(sys.modules)

import _thread
import asyncio
import errno
import fcntl
import hashlib
import importlib
import json
import mmap
import os
import socket
import sqlite3
import struct
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

FOLDER = os.environ['FOLDER']


def raised(action, *arguments):
    try:
        return f'{action(*arguments)!r}'
    except BaseException as error:
        return f'{type(error).__name__}: {error}'


def sleep(way='time'):
    """Sleeps, and tells how long it took."""
    began = time.monotonic()
    if way == 'time':
        time.sleep(0.3)
    else:
        asyncio.run(asyncio.sleep(0.3))
    return f'{time.monotonic() - began:.3f}'


def negative_sleep():
    return raised(time.sleep, -1)


def slept():
    time.sleep(8)


def awaited():
    asyncio.run(asyncio.sleep(8))


def computed():
    async def main():
        end = time.monotonic() + 8
        while time.monotonic() < end:
            pass

    asyncio.run(main())


def hashes():
    derived = hashlib.pbkdf2_hmac('sha256', b'password', b'salt', 2, 20).hex()
    return f"{derived} {hashlib.scrypt(b'password', salt=b'NaCl', n=1024, r=8, p=1, dklen=16).hex()}"


def wrong_hashes():
    """Asks for what no hash can be made with."""
    return '\n'.join([
        raised(lambda: hashlib.scrypt(b'', salt=b'', n=1000, r=8, p=1)),
        raised(lambda: hashlib.scrypt(b'', salt=b'', n=2 ** 16, r=8, p=1)),
        raised(lambda: hashlib.pbkdf2_hmac('sha256', b'', b'', 0)),
    ])


def loops():
    async def double(number):
        await asyncio.sleep(0.001)
        return 2 * number

    async def main():
        return await asyncio.gather(*map(double, range(3)))

    async def told():
        """As by another thread."""
        future = asyncio.get_running_loop().create_future()
        future.get_loop().call_soon_threadsafe(future.set_result, 'told')
        return await future

    return f'{asyncio.run(main())} {asyncio.run(told())} {raised(asyncio.get_running_loop)}'


def endless_wait():
    async def main():
        await asyncio.get_running_loop().create_future()

    return raised(asyncio.run, main())


def threads():
    """Starts one in each way that there is."""
    return '\n'.join([
        raised(threading.Thread(target=print).start),
        raised(ThreadPoolExecutor().submit, print),
        raised(_thread.start_new_thread, print, ()),
        raised(_thread.start_joinable_thread, print),
    ])


def processes():
    return raised(os.system, 'true')


def sockets():
    connection, datagrams = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
    address = '127.0.0.1', 1
    return '\n'.join([
        raised(connection.connect, address),
        errno.errorcode.get(connection.connect_ex(address), 'connected'),
        raised(urllib.request.urlopen, 'http://127.0.0.1:1/'),
        raised(connection.listen, 1),
        raised(datagrams.sendto, b'x', address),
        raised(datagrams.sendmsg, [b'x'], [], 0, address),
    ])


def shared_map():
    """Maps a file to change it for all, for itself, to read it, and one with the name of the index of a WAL to read it."""
    ways = [('mapped', mmap.ACCESS_WRITE), ('mapped', mmap.ACCESS_COPY), ('mapped', mmap.ACCESS_READ)]
    found = []
    for name, access in [*ways, ('m.db-shm', mmap.ACCESS_READ)]:
        with open(f'{FOLDER}/{name}', 'wb+') as file:
            file.write(b'x' * 4096)
            file.flush()
            found.append(raised(lambda: mmap.mmap(file.fileno(), 4096, access=access)[:1]))
    return '\n'.join(found)


def asked(name, *lines):
    """What a database answers."""
    with closing(sqlite3.connect(f'{FOLDER}/{name}.db', isolation_level=None)) as database:
        return raised(lambda: [database.execute(line).fetchall() for line in lines])


def wal():
    """Puts a database into WAL, and reads it."""
    return asked('wal', 'create table t (n)', 'pragma journal_mode = wal', 'select * from t')


def out_of_wal():
    """Gets it out of there again, as docs/python.md has it, and reads it."""
    return asked('wal', 'pragma locking_mode = exclusive', 'pragma journal_mode = delete', 'select * from t')


def wal_of_others():
    """Reads a database that somebody else has put into WAL, as the versions in its head say."""
    asked('others', 'create table t (n)')
    with open(f'{FOLDER}/others.db', 'rb+') as head:
        head.seek(18)
        head.write(b'\2\2')
    return asked('others', 'select * from t')


def mapped_database():
    """Asks SQLite to map its file: this build cannot, whatever it is asked for."""
    return asked('mapped', 'pragma mmap_size = 1000000')


def synced():
    folder = os.open(FOLDER, os.O_RDONLY)
    with open(f'{FOLDER}/synced', 'wb') as file:
        return ' '.join(
            raised(sync, descriptor) for descriptor in (file.fileno(), folder) for sync in (os.fsync, os.fdatasync)
        )


def make():
    """Makes a folder: the first time, and again when somebody has removed it."""
    return raised(os.mkdir, f'{FOLDER}/made')


def opened(name, mode):
    """Opens a file that may be there, and writes to it."""
    name = name.replace(':', '/')
    def write():
        with open(f'{FOLDER}/{name}', mode) as file:
            file.write(' ours')
    return raised(write)


def renamed(name):
    """Gives a file the name of one that may be there."""
    with open(f'{FOLDER}/new', 'w') as file:
        file.write('ours')
    return raised(os.replace, f'{FOLDER}/new', f'{FOLDER}/{name}')


def printed():
    print('a line of text')
    print('another line', file=sys.stderr)
    return f'{sys.stdout.isatty()} {sys.stderr.isatty()}'


def memory():
    kept = []
    try:
        while True:
            kept.append(bytearray(2 ** 24))
    except MemoryError:
        return f'{len(kept) * 16} MiB'


def process():
    return json.dumps({
        'pid': os.getpid(),
        'environ': dict(os.environ),
        'directory': os.getcwd(),
        'input': sys.stdin.read(),
        'paths without a name': sys.path.count(''),
    })


def known(name):
    """Whether a module was there before this one."""
    return repr(name in KNOWN)


def imports(name):
    return importlib.import_module(name).__name__


def lock():
    """Locks a file, and lets go of it by closing."""
    with open(f'{FOLDER}/locked', 'wb') as file:
        return raised(fcntl.lockf, file, fcntl.LOCK_EX | fcntl.LOCK_NB) + raised(
            fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB
        )


def hold():
    global held
    held = open(f'{FOLDER}/locked', 'wb')
    return raised(fcntl.lockf, held, fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold_flock():
    global held
    held = open(f'{FOLDER}/locked', 'wb')
    return raised(fcntl.flock, held, fcntl.LOCK_EX | fcntl.LOCK_NB)


def release():
    held.close()
    return ''


def wait():
    """Waits for the lock of a file."""
    with open(f'{FOLDER}/locked', 'wb') as file:
        return raised(fcntl.lockf, file, fcntl.LOCK_EX)


def open_ranges():
    """A file of a hundred bytes, that stands at the tenth."""
    global held
    held = open(f'{FOLDER}/ranges', 'wb+', buffering=0)
    held.write(bytes(100))
    held.seek(10)
    return ''


def ranges(command, kind, whence, start, length):
    """Calls `fcntl` with a `struct flock`; tells what that is then: kind, whence, start, length, owner."""
    given = struct.pack('hhqqi4x', getattr(fcntl, kind), int(whence), int(start), int(length), 0)
    return raised(lambda: struct.unpack('hhqqi4x', fcntl.fcntl(held, getattr(fcntl, command), given)))


def application(environ, start_response):
    name, *arguments = environ['PATH_INFO'].strip('/').split('/')
    text = globals()[name](*arguments) or ''
    start_response('200 OK', [('Content-Type', 'text/plain; charset=utf-8')])
    return [text.encode()]
