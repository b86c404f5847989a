"""Bottle: routes, templates, uploads, generators, files, error pages."""

import debian12  # noqa: F401  comes first
import hashlib
import os

import bottle

app = bottle.Bottle()


@app.get("/")
def index():
    return "Hello, world\n"


@app.get("/user/<name>")
def user(name):
    return bottle.template("<h1>Hello {{name}}</h1>", name=name)


@app.post("/upload")
def upload():
    file = bottle.request.files.get("file")
    data = file.file.read()
    return {"name": file.raw_filename, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


@app.get("/generator")
def generator():
    for number in range(5):
        yield f"{number}\n"


@app.get("/file")
def file():
    return bottle.static_file(os.path.basename(__file__), root=os.path.dirname(__file__))


@app.get("/boom")
def boom():
    raise ValueError("boom")
