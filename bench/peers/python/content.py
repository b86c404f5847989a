"""What bench/apps/content.mjs and bench/apps/mix.mjs serve, as far as the peers in Python take part: for each path the
type and the bytes of the answer."""

import hashlib
import json

PIECES = 20


def answer(path):
    if path == "/json":
        content = {"message": "Hello world!", "numbers": [1, 2, 3], "nested": {"yes": True, "no": None}}
        return "application/json", json.dumps(content, separators=(",", ":")).encode()
    if path.startswith("/sync/burn/"):
        return "text/plain", derive(path)
    if path.startswith("/async/pieces/"):
        return "text/plain", b"".join(derive(path) for _ in range(PIECES))
    return "text/plain", b"Hello world!\n"


def derive(path):
    iterations = int(path.rpartition("/")[2])
    return hashlib.pbkdf2_hmac("sha256", b"password", b"salt", iterations).hex().encode()
