"""Flask: sessions, templates, streams with their context, forms, uploads, JSON, files, errors, teardown."""

import debian12  # noqa: F401  comes first
import hashlib

from flask import (
    Flask, Response, abort, jsonify, redirect, render_template_string, request, send_file, session,
    stream_with_context, url_for,
)  # fmt: skip

app = Flask(__name__)
app.secret_key = b"not a secret"
torn = 0


@app.get("/")
def index():
    return "Hello, world\n"


@app.get("/user/<name>")
def user(name):
    return render_template_string("<h1>Hello {{ name }}</h1>", name=name)


@app.get("/count")
def count():
    session["count"] = session.get("count", 0) + 1
    return f"{session['count']}\n"


@app.get("/stream")
def stream():
    def rows():
        for number in range(10):
            yield f"row {number} {request.path}\n"

    return Response(stream_with_context(rows()), mimetype="text/plain")


@app.post("/upload")
def upload():
    file = request.files["file"]
    hashed, size = hashlib.sha256(), 0
    while block := file.stream.read(65536):
        hashed.update(block)
        size += len(block)
    return jsonify(name=file.filename, size=size, sha256=hashed.hexdigest(), note=request.form.get("note"))


@app.post("/form")
def form():
    return jsonify(request.form.to_dict(flat=False))


@app.post("/json")
def json():
    return jsonify(got=request.get_json())


@app.get("/file")
def file():
    return send_file(__file__, mimetype="text/x-python", conditional=True)


@app.get("/boom")
def boom():
    raise ValueError("boom")


@app.get("/teapot")
def teapot():
    abort(418)


@app.get("/elsewhere")
def elsewhere():
    return redirect(url_for("user", name="x y"))


@app.teardown_request
def teardown(error):
    global torn
    torn += 1


@app.get("/torn")
def count_torn():
    return f"{torn}\n"
