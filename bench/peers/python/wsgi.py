"""For gunicorn, uWSGI and Quaich: the content, or the application whose module the variable APPLICATION names."""

import os
from importlib import import_module

from content import answer


def content(environ, start_response):
    content_type, body = answer(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]


named = os.environ.get("APPLICATION")
application = import_module(named).app if named else content
