"""gunicorn as a child of Quaich: file descriptor 3 is a pipe to the process that has started it (gunicorn.js)."""

import os
import signal
import threading

owner_has_gone = threading.Event()


def post_worker_init(worker):
    """The application is loaded: whoever waits for that may go on."""
    os.write(3, b".")


def when_ready(server):
    """Ends gunicorn when the other end of the pipe is closed: its owner has gone, in whatever way."""

    def watch():
        while os.read(3, 1):
            pass
        owner_has_gone.set()
        os.kill(server.pid, signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def on_exit(server):
    """Removes the folder of the socket, where nobody else is left to do it."""
    if owner_has_gone.is_set():
        for address in server.cfg.address:
            os.rmdir(os.path.dirname(address))
