// Clauses about running an application of one convention where the other is in force.
export {};

//: @in bridge-sync
//: B-20: The application MUST run where blocking harms nobody: on a worker thread. On the thread that does I/O it runs
//: by explicit choice only, with the request body read completely before.
//:
//: B-21: On the same thread the request body MUST be collected first, in memory up to a limit, then on disk; at a
//: maximum the answer is 413. `wsgi.input` then reads what was collected.
//:
//: B-22: On a worker a read MUST wait (`Atomics.wait`) until the I/O thread has delivered bytes, the end, or an error.
//: Every wait has a time limit or is woken by a disconnect, by shutdown, and by the death of the other side. The state
//: is looked at again after each wake, so that a notification before the wait is not lost.
//:
//: B-23: A thread MUST NOT wait for what it would have to produce itself: such a call throws at once. Node permits
//: `Atomics.wait` on its main thread, so that nothing but a check prevents this. The same holds for a wait on an event
//: loop that requests of others wait for: that of an async worker, or of the server itself. A library cannot see every
//: blocking call, but none of its own may be one of them.
//:
//: B-24: A bridge MUST NOT send the head early: it travels with, or after, the event of G-81.
//:
//: B-25: An error given to `startResponse` before the head is sent MUST replace the head across the border of threads
//: too. Whether the head is sent is therefore known on the side where the application runs.
//:
//: B-26: `startResponse` MUST return a working `write`; on a worker it blocks under backpressure. On an event loop it
//: cannot: its chunks queue up there, within a limit. What the rules of this interface say about a chunk (G-98, G-103,
//: G-121) is thrown in the call there too; that the client has gone is known only later, and ends the body before its
//: next step.
//:
//: B-27: A chunk MUST be produced only when the previous one has been accepted. At most a small, configured number of
//: chunks or bytes is queued between the threads. An array has been produced as a whole, and crosses as a whole: so
//: G-117 and G-123 hold for it, and a bad chunk in it is found before anything is sent.
//:
//: B-28: An empty body MUST send the head all the same.
//:
//: B-30: `close()` of a sync body MUST be called on the thread where the body was made, in every case of G-111.
//:
//: B-32: An error of the application before the head gives 500, after it a broken connection (G-140, G-141). It MUST be
//: reported once, on the side of the server, with its original stack; its name and message cross the border even if the
//: error cannot be cloned (as strings).
//:
//: B-33: Header values MUST be carried as ISO-8859-1, both ways.
//:
//: B-34: Many equal header fields MUST cost linear time, and are limited.

//: @in bridge-async
//: B-50: A sync caller cannot wait for a promise on its own thread. A bridge from async to sync MUST therefore run the
//: application on another thread, whose event loop is free, and block the caller; it takes a reference to a module,
//: since functions cannot cross. Where what runs the application can itself await, it runs the async application
//: directly and needs no bridge.
//:
//: B-51: Given a function, or where no other thread may be used, it MUST throw at once and name the alternatives.
//:
//: B-52: If the async application ends or fails without `startResponse`, the sync side MUST get an error, not an
//: endless wait.
//:
//: B-53: If it fails before any chunk was passed on, the sync side MUST call the outer `startResponse` with the error,
//: or throw; after that, throw.
//:
//: B-54: If the sync server closes the body early, the async side MUST get the signal, then `return()`, then `close()`.
//: The reason of the signal tells whether the client has gone; without a bridge there is no signal where it has not.
//:
//: B-55: Input MUST be read on demand, in both directions. A bridge does not read beyond CONTENT_LENGTH, and reports
//: the end once, then always. It MAY fetch what has arrived beyond what was asked for, never wait for more. A sync
//: input that can give blocks as they arrive says so by a method under `Symbol.for('quaich.readBlock')`, which takes
//: the most bytes that are wanted and returns at least one, or `null` at the end; others are asked for sizes and lines.
//:
//: B-56: What the async application leaves behind after its body has ended MUST NOT hold up the response. There is a
//: limit after which it is abandoned.
//:
//: B-57: Bridging there and back MUST give the same response to an observer: the time of the head, the borders of
//: chunks, the number and order of `close` calls. The application MUST see the same too: results, errors, and the order
//: of all that it is asked for. What remains are four differences, which no bridge can avoid. On an event loop a
//: disconnect that a `write` meets comes with the next step (B-26). The signal of an async application is aborted for
//: any early end (B-54). What is not awaited is noticed later, by the time that the way takes. And a caller that blocks
//: in a read for the application can do nothing else for it until the client sends: what the application yields in the
//: same turn of its event loop goes out first, what it yields later waits. (Reading and answering at the same time
//: takes a gateway that can.)

//: @in threads
//: B-39: Cancelling the async side of a bridge MUST NOT return before the sync side has ended or was abandoned at the
//: documented limit. The worker gets no new request before.
//:
//: B-40: Ending a worker by force is the last resort; it MUST be logged with the request, and the worker replaced.
//: Neither `finally` nor `close` runs then.
//:
//: B-41: A call of a bridge that would wait for the very worker or thread on which it runs MUST throw a deadlock error.
//:
//: B-42: The documentation SHOULD warn that an application which requests its own server blocks for ever when all
//: workers do so at once. A server can notice that all are blocked while requests wait, and log it.
//:
//: B-60: The AsyncLocalStorage context of the call MUST be that of every later step, of `return()`, and of `close()`.
//:
//: G-190: Every request, and every hook, MUST be called in an AsyncLocalStorage context of its own: what one enters
//: (`enterWith`) is seen in all that it does and leaves behind, and by nobody else, not even the next request of its
//: connection or thread.
//:
//: B-61: Contexts do not cross threads. A server SHOULD say so, and MAY copy a registered set of named values (a
//: request id, trace headers).
//:
//: B-62: All steps of one sync body MUST run on one and the same worker.
//:
//: B-63: A worker SHOULD run one sync request at a time; async requests may interleave.
//:
//: B-64: What crosses a thread MUST be strings, numbers, booleans, bytes, and plain arrays of them. Entries of
//: `environ` that cannot be cloned (functions, streams, signals) are made anew on the other side or left out; which
//: ones is documented. Structured clone gives an object without prototype the prototype of Object: it is rebuilt.
//:
//: B-65: Changes of `environ` on the other thread are not seen here. Middleware that needs to see them MUST run on the
//: same side.
//:
//: B-66: After an exception in one call of a bridge the next call MUST work: no lock, flag or slot stays taken.
//:
//: B-67: No reference to a finished request MUST stay in a bridge, and shared memory is cleared before it is used
//: again: it never shows bytes of an earlier request.
//:
//: B-68: A listener for node:http (Express, Koa, Fastify) under a bridge SHOULD get a request and a response whose
//: `write` returns false under backpressure, which emits `drain`, `finish` and `close`, and whose `writeHead`,
//: `statusMessage`, raw header arrays, `flushHeaders`, trailers (ignored) and `end` behave as in node. It is an async
//: application.
//:
//: B-69: A handler for fetch under a bridge SHOULD have its `Response.body` read with one read outstanding, and
//: cancelled when the response ends early. `Set-Cookie` is read by `getSetCookie`; an error `Response` becomes a 500.
//:
//: B-70: A server that serves what was written for another interface MUST know it by methods that its documentation
//: names or that it has had for years, or by its owner's word, and never by the number or the names of parameters. A
//: function that has no such methods, or whose kind is declared, is an application. What it was recognised as is told
//: at the start.
