"""CherryPy: its tree without its server."""

import debian12  # noqa: F401  comes first

import cherrypy


class Site:
    @cherrypy.expose
    def index(self, name="world"):
        return f"Hello, {name}\n"

    @cherrypy.expose
    @cherrypy.tools.json_out()
    def form(self, **fields):
        return fields

    @cherrypy.expose
    def stream(self):
        cherrypy.response.headers["Content-Type"] = "text/plain"

        def rows():
            for number in range(5):
                yield f"row {number}\n"

        return rows()

    stream._cp_config = {"response.stream": True}


cherrypy.config.update({"environment": "embedded", "log.screen": False})
application = cherrypy.Application(Site(), "")
