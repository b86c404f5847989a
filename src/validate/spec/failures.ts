// Clauses about what happens when something goes wrong.
export {};

//: @in failures
//: G-140: On an exception from the application or its body, with the head not sent, the server MUST log it with its
//: stack to `wsgi.errors`, close the body, and answer with a fixed page of status 500 that shows no details. The head
//: that was stored is discarded as a whole.
//:
//: G-141: The same with the head sent: the server MUST log it, close the body, and break the connection so that the
//: client cannot take the response for complete.
//:
//: G-142: A server MAY append an error text to a `text/*` response that has begun; not by default.
//:
//: G-143: A client that has gone MUST NOT be logged as an error of the application. It is counted.
//:
//: G-144: The error page MUST obey the clauses on HEAD and framing as any other response.
//:
//: G-145: Whatever is thrown MUST be handled: also `undefined`, `null`, strings, frozen objects, and errors whose
//: `stack` throws when it is read.
//:
//: G-146: No error of an application, sync, async, late, or in a promise of the server's own making that nobody
//: awaited, may end the process or harm another request. A server MUST attach handlers to every promise that it makes,
//: those of `write` in particular.
//:
//: G-147: A worker that dies (out of memory, `process.exit`) MUST cost its own requests only: those without a head sent
//: get 500 or 503, the others a broken connection. A new worker is started; with growing delay where starts fail. That
//: `close` could not be called is logged.
//:
//: G-148: There SHOULD be time limits for receiving the head, receiving the body, one step of the application, and
//: sending. A limit that is passed aborts `quaich.signal` first, and ends the worker only later.

//: @in disconnect
//: B-35: After a disconnect no further step of the body MUST be asked for. `return()` and `close()` follow as soon as
//: the running step has ended.
//:
//: B-36, A-24: In the async convention `quaich.signal` MUST be aborted first, then `return()` called. An async
//: generator queues `return()` behind a pending `next()`; the server waits no longer than a limit before it frees the
//: connection. `close()` is called when `return()` has settled, or at the limit. An application SHOULD give the signal
//: to its long waits.
//:
//: B-37: In the sync convention a blocked read or write MUST throw a disconnect error when it is woken; a computation
//: is not interrupted. `quaich.client_disconnected()` asks a shared flag without an event loop.
//:
//: B-38: The disconnect error MUST be of one documented class (here `ClientDisconnected`; `RequestAborted` where the
//: server gave up on the request). It is not logged as a failure and may pass through the application. If the
//: application catches it and goes on, what comes later is discarded without an error.
//:
//: B-43: Either the request body goes on being read (to memory or disk, up to a limit) while the response is blocked,
//: or both directions have time limits: a client that sends everything before it reads anything MUST NOT bring about a
//: standstill.
//:
//: B-44: Slow uploads SHOULD NOT occupy workers: a worker gets a request only when its body, or a configured part of
//: it, is there, and the last of several not before all of it is.
//:
//: B-45: Slow clients SHOULD NOT keep a worker that others wait for: what it has to send is kept for them, in memory or
//: in a file, up to a limit, and the application goes on. Beyond that limit a response MAY be broken off (G-141), so
//: that the others get their answers.

//: @in extensions
//: G-150: A server SHOULD NOT do anything to a response beyond framing it: no compression, ranges or cache validation
//: by default. Each MAY be offered.
//:
//: G-151: An extension that takes the place of a part of the interface MUST be reached through that part: one that
//: reads request headers takes the current `environ`; one that writes takes the current `startResponse`, and refuses
//: when that is not, by identity, the one which the server gave. So no middleware is bypassed. (A validator puts its
//: own `startResponse` in the place of the server's.)
//:
//: G-152: A server MAY offer `quaich.early_hints(headers)`, which sends a 103 response after the checks of G-90 and
//: G-91; it does nothing for HTTP/1.0 and after the head was sent. (Here it is there where the owner of the server
//: wants it.)
//:
//: G-153: A server MAY offer `quaich.response_finished`: an array of functions that are called in reverse order after
//: the response with environ, status, headers and error; what they throw is logged. (Not offered here: it would cost
//: every request an array. Middleware has `onClose` for the same purpose.)
//:
//: G-154: Work that goes on after the response MUST NOT be able to write to it, and does not delay the next request of
//: the connection.

//: @in file-wrapper
//: G-162: In all else the wrapper MUST behave as an iterable over `filelike.read(size)` until that gives an empty
//: result. It works for any object with `read`, without a fast way too, and when middleware has wrapped it.
//:
//: G-164: Transmission MUST start at the current position of the file and end at its end or after Content-Length bytes.
//: For a file that shrinks or grows meanwhile, G-122 and G-120 hold.
//:
//: G-165: Content-Length MAY be derived from the file when the application gave none; for regular files only, not for
//: pipes and devices.
//:
//: G-166: The file MUST be closed also for HEAD and 304, after a disconnect, and after an error.
