"""Flask: a small answer, a table that Jinja makes, an upload as a form."""

import debian12  # noqa: F401  comes first
import hashlib

from flask import Flask, Response, request

app = Flask(__name__)
TABLE = app.jinja_env.from_string("""<!doctype html><title>{{ title }}</title><table>
{% for row in rows %}<tr class="{{ loop.cycle('odd', 'even') }}">
{%- for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>""")


@app.get("/")
def hello():
    return Response("Hello world!\n", mimetype="text/plain")


@app.get("/table/<int:count>")
def table(count):
    rows = [[f"r{row} & c{column}" for column in range(10)] for row in range(count)]
    return TABLE.render(title="A <table>", rows=rows)


@app.post("/upload")
def upload():
    hashed, size = hashlib.sha256(), 0
    stream = request.files["file"].stream
    while block := stream.read(65536):
        hashed.update(block)
        size += len(block)
    return Response(f"{size} {hashed.hexdigest()}", mimetype="text/plain")
