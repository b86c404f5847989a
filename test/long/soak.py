"""For the soak in Python (python.mjs): each answer carries the token that its request has in the query, `TOKEN` or
`TOKEN&COUNT`; other paths fail, hang or end the interpreter."""

import hashlib
import os
import sys

TEXT = [("Content-Type", "text/plain")]


def app(environ, start_response):
    token, _, count = environ["QUERY_STRING"].partition("&")
    path = environ["PATH_INFO"]
    if path in FATAL:
        FATAL[path]()
    if path == "/write":
        write = start_response("200 OK", TEXT)
        for _ in range(int(count)):
            write(token.encode())
        return []
    start_response("200 OK", TEXT)
    if path == "/upload":
        return [upload(environ["wsgi.input"], token)]
    if path == "/stream":
        return Stream(environ, token, int(count))
    if path == "/late":
        return late(token)
    return [token.encode()]


def upload(body, token):
    hashed, size = hashlib.sha256(), 0
    while block := body.read(65536):
        hashed.update(block)
        size += len(block)
    return f"{token} {size} {hashed.hexdigest()}".encode()


class Stream:
    """A body whose `close` looks whether it belongs to the request that it ends with."""

    def __init__(self, environ, token, count):
        self.environ, self.token, self.left = environ, token, count

    def __iter__(self):
        return self

    def __next__(self):
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        return f"{self.token}\n".encode() * 1000

    def close(self):
        if not self.environ["QUERY_STRING"].startswith(self.token):
            self.environ["wsgi.errors"].write(f"mixed up: {self.token}\n")


def late(token):
    yield token.encode()
    raise RuntimeError("in the middle")


def fail():
    raise ValueError("before the head")


def loop():
    while True:
        pass


def recursion():
    return recursion()


def memory():
    kept = []
    while True:
        kept.append(bytearray(20_000_000))


FATAL = {
    "/fail": fail,
    "/loop": loop,
    "/recursion": recursion,
    "/memory": memory,
    "/exit": lambda: sys.exit(3),
    "/os-exit": lambda: os._exit(3),
    "/abort": os.abort,
}
