"""Counts requests in a database, which all workers share."""
import os
import sqlite3

connection = sqlite3.connect(os.environ['DATABASE'], timeout=20, isolation_level=None)
connection.execute('pragma synchronous = off')
connection.execute('create table if not exists counter (n integer)')
connection.execute('create table if not exists entries (text text)')


def count():
    connection.execute('begin immediate')
    if connection.execute('select count(*) from counter').fetchone() == (0,):
        connection.execute('insert into counter values (0)')
    connection.execute('update counter set n = n + 1')
    connection.execute('insert into entries values (?)', ('x' * 200,))
    connection.execute('commit')
    return connection.execute('select n from counter').fetchone()


def check():
    return (
        connection.execute('select n from counter').fetchone()
        + connection.execute('select count(*) from entries').fetchone()
        + connection.execute('pragma integrity_check').fetchone()
    )


def hold():
    """Holds the database, and does not end when it is told."""
    connection.execute('begin immediate')
    while True:
        try:
            while True:
                pass
        except KeyboardInterrupt:
            pass


def application(environ, start_response):
    found = globals()[environ['PATH_INFO'].strip('/')]()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [repr(found).encode()]
