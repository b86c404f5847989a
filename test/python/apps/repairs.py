"""What Python on WebAssembly has to be helped with, by path: each tells what happened."""
import asyncio
import fcntl
import hashlib
import mmap
import os
import socket
import sqlite3
import sys
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


def sleep():
    began = time.process_time(), time.monotonic()
    time.sleep(0.3)
    return f'{time.monotonic() - began[1]:.3f}'


def hashes():
    derived = hashlib.pbkdf2_hmac('sha256', b'password', b'salt', 2, 20).hex()
    return f"{derived} {hashlib.scrypt(b'password', salt=b'NaCl', n=1024, r=8, p=1, dklen=16).hex()}"


def loops():
    async def double(number):
        await asyncio.sleep(0.001)
        return 2 * number

    async def main():
        return await asyncio.gather(*map(double, range(3)))

    def is_running():
        asyncio.get_running_loop()

    return f'{asyncio.run(main())} {raised(is_running)}'


def endless_wait():
    async def main():
        await asyncio.get_running_loop().create_future()

    return raised(asyncio.run, main())


def threads():
    started = raised(threading.Thread(target=print).start)
    return started + '\n' + raised(ThreadPoolExecutor().submit, print)


def processes():
    return raised(os.system, 'true')


def sockets():
    connection = socket.socket()
    found = raised(connection.connect, ('127.0.0.1', 1)), raised(connection.connect_ex, ('127.0.0.1', 1))
    return '\n'.join(found) + '\n' + raised(urllib.request.urlopen, 'http://127.0.0.1:1/')


def shared_map():
    """Maps a file to change it, to read it, and one that is named like the index of a WAL to read it."""
    found = []
    for name, access in [('mapped', mmap.ACCESS_WRITE), ('mapped', mmap.ACCESS_READ), ('m.db-shm', mmap.ACCESS_READ)]:
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


def printed():
    print('a line of text')
    return ''


def memory():
    kept = []
    try:
        while True:
            kept.append(bytearray(2 ** 24))
    except MemoryError:
        return f'{len(kept) * 16} MiB'


def process():
    return f'{os.getpid()} {raised(sys.stdin.read)}'


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


def application(environ, start_response):
    text = globals()[environ['PATH_INFO'].strip('/')]()
    start_response('200 OK', [('Content-Type', 'text/plain; charset=utf-8')])
    return [text.encode()]
