"""Bottle."""

import debian12  # noqa: F401  comes first

import bottle

app = bottle.Bottle()


@app.get("/")
def hello():
    bottle.response.content_type = "text/plain"
    return "Hello world!\n"
