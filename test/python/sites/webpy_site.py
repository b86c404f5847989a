"""web.py: classes by path."""

import debian12  # noqa: F401  comes first

import web


class Greeting:
    def GET(self, name):
        web.header("Content-Type", "text/plain; charset=utf-8")
        return f"Hello, {name or 'world'}\n"

    def POST(self, name):
        return web.input(note="none").note


application = web.application(("/(.*)", "Greeting"), globals()).wsgifunc()
