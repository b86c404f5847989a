// Clauses about applications written in Python.
export {};

//: @in python
//: PY-01: A module of Python MUST be named as others are: by a path that ends with `.py`, or as `python:` and its name
//: with dots, which is looked for on Python's path. What is served is the export that is named, dots allowed, and with
//: `()` behind it what that returns; else `application`, `app`, or what `create_app()` returns. A file that lies in a
//: package is loaded as the module that it is there.
//:
//: PY-02: What is no WSGI application MUST be refused at the start, an ASGI application with a sentence that says so.
//:
//: PY-03: What is missing (Pyodide, a module, an export, a virtual environment, native code) MUST be told in one line,
//: with what to do.
//:
//: PY-04: L-01 to L-19 hold for functions `startup` and `shutdown` of the module, or of the application, with a `dict`
//: as state; they may be coroutine functions. Behind the shutdown hook functions of `atexit` MUST run.
//:
//: PY-05: Modules MUST be looked for in the directory of the file, or else in the one that the server works in; in
//: those of the setting `pythonPath`, then of `PYTHONPATH`; in Python's library; and among the packages of the virtual
//: environment. The variables of the process are in `os.environ`.
//:
//: PY-10: `environ` MUST be a new `dict` for each request, with all variables as native strings of PEP 3333: `str`
//: whose every character stands for one byte. `wsgi.version` is `(1, 0)`, `wsgi.multithread` false, and
//: `wsgi.input_terminated` true. Values of middleware that are no strings stay on the side of JavaScript.
//:
//: PY-11: `wsgi.input` MUST have `read`, `readline`, `readlines` and iteration as G-51 to G-63 say. Reading it beyond
//: its request raises an error.
//:
//: PY-12: `wsgi.errors` MUST take `str`, which is out when the call returns, and goes where that of other applications
//: goes.
//:
//: PY-13: `start_response` MUST raise an exception, in the call, for a status or headers of wrong types, for what
//: ISO-8859-1 cannot carry, and for a NUL. What else G-87 to G-96 refuse fails the request when the head is sent.
//:
//: PY-14: A second call without `exc_info` MUST raise an exception; one with it replaces a head that has not been sent,
//: and raises what it was given where it has.
//:
//: PY-15: `write` MUST send its chunk ahead of the body, the head before it, and return when more is wanted.
//:
//: PY-16: The head MUST wait for the first chunk that is not empty, or for the end. Chunks that are no `bytes`, and a
//: body without `start_response`, fail the request. A list or tuple is an array: G-117 and G-123 hold.
//:
//: PY-17: `close` of the body MUST be called once, whatever ends the request.
//:
//: PY-18: A body made by `wsgi.file_wrapper` of a plain file at its beginning MUST be sent by the server where it can
//: (G-161); any other is read.
//:
//: PY-19: What an application raises, `SystemExit` included, MUST fail the request as G-140 and G-141 say; Python's
//: traceback is in the log, and is the `stack` of the error that middleware sees.
//:
//: PY-20: A read of a body that will never be complete, and a `write` that nobody takes any more, MUST raise an
//: `OSError`; if it comes out of the application, B-38 holds, and a client at fault gets the status of its fault.
//:
//: PY-30: Record locks (`fcntl`, and with it those of SQLite) MUST hold between all threads of the process, and end
//: with their descriptor and their thread. A server MUST NOT start where it cannot see to that.
//:
//: PY-31: Several processes see nothing of each other's locks, so a server MUST NOT run Python applications in several.
//:
//: PY-32: Memory that maps a file to change it for all, or that maps the index of a WAL, MUST be refused: it would be a
//: copy. So SQLite refuses a database in WAL mode with an error.
//:
//: PY-33: `fsync` and `fdatasync` MUST reach the system, for directories, too; a file that another thread has removed
//: can be made anew, one that it has just created is opened as it is, and made by one of them only where that is asked
//: for (`x`), and one that is renamed takes the place of another at once.
//:
//: PY-34: What cannot be had (threads, processes, connections) MUST raise an exception that says so when it is asked
//: for, and never pretend.
//:
//: PY-35: `time.sleep` MUST NOT use the processor; `hashlib.pbkdf2_hmac` and `scrypt`, `asyncio.run` and blocking code
//: of frameworks that look for a running event loop MUST work; `print` is out with the end of its line.
//:
//: PY-40: Where the server gives a request up (G-148), Python MUST get a `KeyboardInterrupt` first, once, so that
//: `finally` and `close` run and the thread goes on. The thread is ended where that does not help. A client that has
//: just gone interrupts nothing.
//:
//: PY-41: `os._exit`, `os.abort` and fatal errors of an interpreter MUST cost one request, and its thread.
//:
//: PY-42: Beyond `pythonMemory` Python MUST get a `MemoryError`, and go on.
//:
//: PY-50: Interpreters SHOULD begin with memory that was made once, and kept on disk: see `pythonCache`. Random numbers
//: of the module `random` differ in each.
//:
//: PY-51: With `pythonPreload` the application MAY be imported once for all workers, ahead of them; not where it has
//: files open then, which is told.
//:
//: PY-52: Where no Python application is mounted, nothing of all this MUST be loaded.
//:
//: PY-60: Middleware, the validator, bridges and test clients MUST take a Python application as any other sync one:
//: `pythonApp` of `quaich/python` makes it.
