"""The same applications, with hooks."""
import atexit

from behaviours import application  # noqa: F401


async def startup(state):
    state['started'] = True


def shutdown(state):
    print(f'shutdown: {state}')


atexit.register(print, 'atexit')
