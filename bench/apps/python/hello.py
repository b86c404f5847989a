"""An application without a framework: the content of ../content.mjs that Python is measured with, and what computes."""

HELLO = b"Hello world!\n"


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/length":
        size, body = 0, environ["wsgi.input"]
        while block := body.read(65536):
            size += len(block)
        answer = b"%d" % size
    elif path.startswith("/burn/"):
        answer = b"%d" % burn(int(path.rpartition("/")[2]))
    else:
        answer = HELLO
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


def burn(rounds):
    """Computes for a while: numbers, lists, strings."""
    total = 0
    for number in range(rounds):
        total = (total * 31 + len(str(number)) + sum([number, total % 7])) % 1_000_003
    return total
