"""The guest book in Python: sync, with nothing but its standard library. It is a WSGI application as any other server
for Python runs it, too. All workers share one database, EXAMPLES_DATA/guestbook.db, with guestbook.js.

    curl http://127.0.0.1:8000/python/api
    curl -H 'Content-Type: application/json' -d '{"name":"Ada","text":"Slainte!"}' http://127.0.0.1:8000/python/api
"""

import html
import json
import os
import platform
import sqlite3
import stat
import tempfile
import time
import urllib.parse

MAX_BODY = 16 * 1024
METHODS = "GET, HEAD, POST, OPTIONS"
#: Seconds to wait for others who write.
PATIENCE = 10
#: Seconds after which a lock has been left behind: no statement here takes near as long.
STALE = 5

SCHEMA = """CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    written TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)"""
NEWEST = "SELECT id, name, text, written FROM entry ORDER BY id DESC LIMIT 50"
ADD = "INSERT INTO entry (name, text) VALUES (?, ?) RETURNING id, name, text, written"


class Refused(Exception):
    """The client has to change its request; the arguments are status and reason."""


def data_directory():
    """EXAMPLES_DATA, or else a directory of this user's own among the temporary files, that of all examples."""
    if given := os.environ.get("EXAMPLES_DATA"):
        return given
    with tempfile.NamedTemporaryFile() as mine:
        user = os.stat(mine.name).st_uid  # os.getuid() is always 0 in WebAssembly
    directory = os.path.join(tempfile.gettempdir(), f"quaich-examples-{user}")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user:
        raise PermissionError(f"{directory} belongs to somebody else: set EXAMPLES_DATA")
    return directory


def remove_stale_lock(file):
    """The lock is a directory beside the file; a thread that is killed meanwhile leaves it behind."""
    try:
        if time.time() - os.stat(f"{file}.lock").st_mtime > STALE:
            os.rmdir(f"{file}.lock")
    except FileNotFoundError:
        pass


connection = None


def database():
    """The connection of this worker, opened by its first request: none that is opened while a module is imported
    survives `--python-preload`."""
    global connection
    if connection is None:
        file = os.path.join(data_directory(), "guestbook.db")
        remove_stale_lock(file)
        # The locks of this kind are seen by every other process and language, those of the usual kind are not.
        uri = f"file:{urllib.parse.quote(file)}?vfs=unix-dotfile"
        opened = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
        opened.row_factory = sqlite3.Row
        opened.execute(SCHEMA)
        connection = opened
    return connection


def fields_of(environ):
    """What the visitor sent, as a form or as JSON."""
    # A page of another site may make a browser send a form here, but it cannot make it lie about where it comes from.
    if environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none"):
        raise Refused("403 Forbidden", "Sent from another site.")
    size = int(environ.get("CONTENT_LENGTH") or 0)
    if size > MAX_BODY:
        raise Refused("413 Content Too Large", f"At most {MAX_BODY} bytes are accepted.")
    body = environ["wsgi.input"].read(size)
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            fields = json.loads(body)
            return fields if isinstance(fields, dict) else {}
        if kind == "application/x-www-form-urlencoded":
            return dict(urllib.parse.parse_qsl(body.decode()))
    except (ValueError, RecursionError):
        raise Refused("400 Bad Request", "The body is not what its Content-Type says.") from None
    raise Refused("415 Unsupported Media Type", "Send a form or application/json.")


def entry_of(environ):
    """The new entry, checked: the database never sees more than this."""
    fields = fields_of(environ)
    entry = []
    for name, most in ("name", 80), ("text", 2000):
        value = fields.get(name)
        if not isinstance(value, str) or not 0 < len(value.strip()) <= most:
            raise Refused("400 Bad Request", f"{name} must have 1 to {most} characters.")
        entry.append(value.strip())
    return entry


def page(entries):
    articles = "".join(
        f"<article><h2>{html.escape(entry['name'])}</h2><p>{html.escape(entry['text'])}</p>"
        f"<p><small>{entry['written']}</small></p></article>\n"
        for entry in entries
    )
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Guest book in Python</title></head>
<body>
<p><a href="../">All examples</a></p>
<h1>Guest book</h1>
<p>By Python {platform.python_version()} on {platform.system()}, with SQLite {sqlite3.sqlite_version}. <a
href="../guestbook/">The same book in JavaScript</a>, <a href="api">as JSON</a>.</p>
<form method="post">
<p><label>Name <input name="name" required maxlength="80"></label></p>
<p><label>Text <textarea name="text" required maxlength="2000" rows="3"></textarea></label></p>
<p><button>Sign</button></p>
</form>
{articles}</body>
</html>
"""


def answer(environ):
    """Status, further fields, media type and text of the response."""
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    root = urllib.parse.quote(environ["SCRIPT_NAME"].encode("latin-1")) + "/"
    if path == "":
        return "308 Permanent Redirect", [("Location", root)], "text/plain", "The page has a slash at its end.\n"
    if path not in ("/", "/api"):
        raise Refused("404 Not Found", "There is nothing here.")
    if method == "POST":
        [added] = database().execute(ADD, entry_of(environ)).fetchall()
        if path == "/api":
            return "201 Created", [], "application/json", json.dumps(dict(added)) + "\n"
        return "303 See Other", [("Location", root)], "text/plain", "Thank you.\n"
    if method not in ("GET", "HEAD"):
        raise Refused("405 Method Not Allowed", f"Use {METHODS}.")
    entries = database().execute(NEWEST).fetchall()
    if path == "/api":
        return "200 OK", [], "application/json", json.dumps({"entries": [dict(entry) for entry in entries]}) + "\n"
    return "200 OK", [("Content-Security-Policy", "default-src 'none'; form-action 'self'")], "text/html", page(entries)


def app(environ, start_response):
    if environ["REQUEST_METHOD"] == "OPTIONS":
        start_response("204 No Content", [("Allow", METHODS)])
        return []
    try:
        status, fields, kind, text = answer(environ)
    except Refused as refused:
        status, reason = refused.args
        fields, kind, text = [("Allow", METHODS)] if status.startswith("405") else [], "text/plain", f"{reason}\n"
    body = text.encode()
    charset = "" if kind == "application/json" else "; charset=utf-8"
    start_response(status, [("Content-Type", kind + charset), ("Content-Length", str(len(body))), *fields])
    return [body]
