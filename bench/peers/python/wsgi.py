"""For gunicorn and uWSGI."""

from content import answer


def application(environ, start_response):
    content_type, body = answer(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]
