"""Falcon: media, parameters, errors."""

import debian12  # noqa: F401  comes first

import falcon


class Greeting:
    def on_get(self, request, response, name):
        response.media = {"hello": name, "times": request.get_param_as_int("times", default=1)}

    def on_post(self, request, response, name):
        response.status = falcon.HTTP_201
        response.location = f"/greetings/{name}"
        response.media = {"got": request.get_media()}


application = falcon.App()
application.add_route("/greetings/{name}", Greeting())
