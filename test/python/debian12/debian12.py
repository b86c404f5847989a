"""What packages of Debian 12, written for Python 3.11, expect of a Python three years younger: names that `ast` and
`pkgutil` have given up, and the module `cgi`, from the Python of the system. An application of the tests and of the
bench imports this first. It changes nothing where all of it is there."""

import ast
import glob
import importlib.util
import pkgutil
import sys
import types


def constants():
    """`ast.Str` and the like, which all became `ast.Constant` (removed in 3.14)."""

    class Meta(type(ast.Constant)):
        def __instancecheck__(cls, node):
            return isinstance(node, ast.Constant) and isinstance(node.value, cls.of)

    def new(cls, value=None, s=None, n=None, **rest):
        return ast.Constant(next((one for one in (value, s, n) if one is not None), None))

    for name, of in ("Str", str), ("Num", (int, float, complex)), ("Bytes", bytes):
        setattr(ast, name, Meta(name, (ast.Constant,), {"of": of, "__new__": new}))
    ast.Constant.s = ast.Constant.n = property(lambda self: self.value)


def loaders():
    """`pkgutil.get_loader` and `find_loader` (removed in 3.14)."""

    def get_loader(name):
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None) or importlib.util.find_spec(name)
        return spec and spec.loader

    pkgutil.get_loader = pkgutil.find_loader = get_loader


def cgi():
    """The module `cgi` (removed in 3.13) of the system's Python, without the line that refuses to load it now."""
    for file in glob.glob("/usr/lib/python3.*/cgi.py"):
        with open(file, encoding="utf-8") as lines:
            source = "".join(line for line in lines if not line.startswith("warnings._deprecated"))
        module = types.ModuleType("cgi")
        exec(compile(source, file, "exec"), module.__dict__)
        sys.modules["cgi"] = module


if not hasattr(ast, "Str"):
    constants()
if not hasattr(pkgutil, "get_loader"):
    loaders()
if importlib.util.find_spec("cgi") is None:
    cgi()
