"""Several sites at one address, each at a host of its own: the variable SITES has them, `{HOST: "MODULE:NAME"}`."""

import importlib
import json
import os


def load(site):
    module, name = site.split(":")
    return getattr(importlib.import_module(module), name)


sites = {host: load(site) for host, site in json.loads(os.environ["SITES"]).items()}


def application(environ, start_response):
    return sites[environ["HTTP_HOST"]](environ, start_response)
