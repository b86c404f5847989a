"""WebOb: a request and a response without a framework."""

import debian12  # noqa: F401  comes first

from webob import Request, Response


def application(environ, start_response):
    request = Request(environ)
    response = Response(content_type="text/plain", charset="utf-8")
    if request.path_info == "/form":
        fields = [(name, getattr(value, "filename", value)) for name, value in request.POST.items()]
        response.json = {"fields": fields, "url": request.path_url}
    elif request.path_info == "/conditional":
        response.text = "the same\n"
        response.conditional_response = True
        response.md5_etag()
    else:
        response.text = f"Hello, {request.params.get('name', 'world')}\n"
        response.set_cookie("seen", "yes", httponly=True, samesite="Lax")
    return response(environ, start_response)
