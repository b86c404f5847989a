"""Applications that use all of the interface, with wsgiref's validator around them."""

import hashlib
import sys
from wsgiref.validate import validator

TEXT = [("Content-Type", "text/plain; charset=utf-8")]
closed = 0


class Body:
    """A body that counts how often it is closed."""

    def __init__(self, *chunks):
        self.chunks = iter(chunks)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.chunks)

    def close(self):
        global closed
        closed += 1


def echo(environ, start_response):
    data = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", TEXT)
    return [data]


def lines(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"%d:" % len(line) + line for line in environ["wsgi.input"]]


def readlines(environ, start_response):
    start_response("200 OK", TEXT)
    return [repr(environ["wsgi.input"].readlines()).encode()]


def mixed(environ, start_response):
    body = environ["wsgi.input"]
    start_response("200 OK", TEXT)
    parts = [body.readline(), body.read(3), body.readline(4), body.readlines(), body.read(1)]
    return [repr(parts).encode()]


def digest(environ, start_response):
    hashed, size = hashlib.sha256(), 0
    while block := environ["wsgi.input"].read(65536):
        hashed.update(block)
        size += len(block)
    start_response("200 OK", TEXT)
    return [f"{size} {hashed.hexdigest()}\n".encode()]


def generator(environ, start_response):
    start_response("200 OK", TEXT)

    def numbers():
        for number in range(5):
            yield b"%d\n" % number

    return numbers()


def body(environ, start_response):
    start_response("200 OK", TEXT)
    return Body(b"", b"one\n", b"", b"two\n")


def closes(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"%d\n" % closed]


def write(environ, start_response):
    send = start_response("200 OK", TEXT)
    send(b"written ")
    send(b"twice ")
    return [b"returned\n"]


def fails(environ, start_response):
    raise ValueError("before the head: \u20ac")


def fails_late(environ, start_response):
    start_response("200 OK", TEXT)

    def chunks():
        yield b"first\n"
        raise RuntimeError("after the head")

    return chunks()


def replaces(environ, start_response):
    start_response("200 OK", TEXT)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        start_response("500 Internal Server Error", TEXT, sys.exc_info())
        return [b"replaced\n"]


def replaces_late(environ, start_response):
    def chunks():
        start_response("200 OK", TEXT)
        yield b"first\n"
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start_response("500 Internal Server Error", TEXT, sys.exc_info())
            yield b"never\n"

    return chunks()


def big(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"x" * 5_000_000]


def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("to the log: \u20ac\n")
    stream.writelines(["and ", "more\n"])
    stream.flush()
    start_response("200 OK", TEXT)
    return [b"logged\n"]


def variables(environ, start_response):
    """What does not depend on the server."""
    names = ["REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH"]
    names += ["SERVER_PROTOCOL", "wsgi.version", "wsgi.url_scheme", "wsgi.multithread", "wsgi.run_once"]
    names += [name for name in environ if name.startswith("HTTP_")]
    start_response("200 OK", TEXT)
    return [repr({name: environ[name] for name in sorted(names) if name in environ}).encode()]


def nothing(environ, start_response):
    start_response("204 No Content", [])
    return []


PATHS = {f"/{one.__name__}": one for one in (
    echo, lines, readlines, mixed, digest, generator, body, closes, write, fails, fails_late, replaces, replaces_late,
    big, errors, variables, nothing,
)}  # fmt: skip


def plain(environ, start_response):
    path = environ["PATH_INFO"]
    if path in PATHS:
        return PATHS[path](environ, start_response)
    start_response("404 Not Found", TEXT)
    return [repr(path).encode("latin-1"), b"\n", path.encode("latin-1")]


application = validator(plain)
