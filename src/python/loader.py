"""Finds an application in a module, and says what is wrong where there is none."""
import importlib
import importlib.util
import inspect
import os
import sys
import traceback


def import_file(file):
    """The module that a file is, by the name that it has in its package."""
    folder, name = os.path.split(file[:-3])
    while os.path.exists(f'{folder}/__init__.py'):
        folder, package = os.path.split(folder)
        name = f'{package}.{name}'
    if folder not in sys.path:
        sys.path.insert(0, folder)
    known = sys.modules.get(name)
    if known is not None and getattr(known, '__file__', None) == file:
        return known
    if '.' in name:
        return importlib.import_module(name)
    # One that is called like a module of the library, as site.py is, has another name beside it.
    if known is not None or name in sys.stdlib_module_names:
        name = f'{name}_'
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class NoApplication(Exception):
    """What was named is no application: the message says all."""


def pick(module, shown, export):
    """The application that a module exports, by its name."""
    for name in [export] if export else ['application', 'app', 'create_app()']:
        value = module
        try:
            for part in name.removesuffix('()').split('.'):
                value = getattr(value, part)
        except AttributeError:
            continue
        if name.endswith('()'):
            value = value()
        if not callable(value):
            raise NoApplication(f'"{name}" in {shown} is {type(value).__name__}, expected a WSGI application')
        if inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(type(value).__call__):
            raise NoApplication(
                f'"{name}" in {shown} is an ASGI application: only WSGI is served here, so give it to an ASGI server'
            )
        return name, value
    raise NoApplication(f'{shown} has no {export or "application, app or create_app()"}')


def hook(application, module, stage):
    found = getattr(application, stage, None) or getattr(module, stage, None)
    return found if callable(found) else None


def explain(exception):
    """Why a module could not be loaded, in one line."""
    if isinstance(exception, NoApplication):
        return str(exception)
    file, line = getattr(exception, 'filename', None), getattr(exception, 'lineno', None)
    if not isinstance(exception, SyntaxError) or file is None:
        own = [
            frame
            for frame in traceback.extract_tb(exception.__traceback__)
            if frame.filename.startswith('/') and '.zip/' not in frame.filename
        ]
        file, line = (own[-1].filename, own[-1].lineno) if own else (None, None)
    text = getattr(exception, 'msg', None) or str(exception)
    place = f' (at {file}:{line})' if file else ''
    return f'{type(exception).__name__}: {text.partition(chr(10))[0]}{place}{advice(exception)}'


def advice(exception):
    """What to do where a module is missing."""
    if not isinstance(exception, ImportError) or not exception.name:
        return ''
    parent, _, last = exception.name.rpartition('.')
    if exception.name.partition('.')[0] in sys.stdlib_module_names:
        return f'; Python on WebAssembly has no {exception.name}: see docs/python.md'
    folders = [os.path.join(path, *parent.split('.')) for path in sys.path]
    if any(entry.startswith(f'{last}.') and entry.endswith('.so') for entry in files_of(folders)):
        return '; it is native code, which runs here only where it was built for Pyodide: see docs/python.md'
    if isinstance(exception, ModuleNotFoundError):
        return '; is it in the virtual environment (--python-venv), or below a --python-path?'
    return ''


def files_of(folders):
    for folder in folders:
        try:
            yield from os.listdir(folder)
        except OSError:
            pass
