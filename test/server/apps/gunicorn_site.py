"""For gunicorn beside Quaich: what it answers by itself has to come through, and tells which process it is."""

import json
import os
import threading


def app(environ, start_response):
    path = environ["PATH_INFO"]
    text = [("Content-Type", "text/plain")]
    if path == "/pid":
        start_response("200 OK", text)
        return [b"%d" % os.getppid()]
    if path == "/environ":
        names = ["SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "wsgi.url_scheme"]
        seen = {name: value for name, value in environ.items() if name in names or name.startswith("HTTP_")}
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(seen).encode()]
    if path == "/echo":
        body = environ["wsgi.input"]
        start_response("299 Very Well", [*text, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-L", "caf\xe9")])
        return iter(lambda: body.read(65536), b"")
    if path == "/thread":
        answers = []
        thread = threading.Thread(target=lambda: answers.append(b"from a thread"))
        thread.start()
        thread.join()
        start_response("200 OK", [*text, ("Content-Length", "13")])
        return answers
    if path == "/break":
        start_response("200 OK", text)
        return breaking()
    if path == "/closed":
        start_response("200 OK", text)
        return endless(environ["QUERY_STRING"])
    start_response("404 Not Found", text)
    return [b"nothing here"]


def endless(file):
    try:
        while True:
            yield b"x" * 65536
    finally:
        with open(file, "w") as written:
            written.write("closed")


def breaking():
    yield b"half"
    raise RuntimeError("in the middle")
