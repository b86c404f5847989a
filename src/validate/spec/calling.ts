// Clauses about the call as a whole that cannot be seen from between the two sides.
export {};

//: @in calling
//: G-02: The server treats the application as opaque: any function will do. It MUST NOT decide anything by the name,
//: the class or the number of parameters of the function. Its kind is declared (B-01), never guessed from `length`.
//:
//: G-03: The server MUST be able to call the same function any number of times: a worker loads the module once and
//: keeps the function.
//:
//: G-09: A server SHOULD have a mode in which an application is never called while an earlier call is going on, for
//: applications that are not safe otherwise. In the async convention that means: no request begins before the previous
//: body is closed.
//:
//: A-25: An application SHOULD expect that state in its modules exists once for each worker, and is not shared between
//: them.
//:
//: A-16: Small output SHOULD be one chunk, returned as `[chunk]`. It can then leave in one piece together with the head
//: and gets its Content-Length from the server (G-123).
//:
//: A-21: The server does nothing to a response beyond framing it (G-150). Ranges, conditional requests and content
//: codings SHOULD be done by the application, or by middleware, if they are wanted.

//: @in kinds
//: B-01: The kind of an application MUST be known before it is called: by configuration; else by a mark on the function
//: (`markSync`, `markAsync`); else it is async when the function is an async function or an async generator function,
//: and sync otherwise. What the function itself shows is certain when it says async and says nothing otherwise:
//: closures that return promises, bound functions and compiled code need the mark. The mark is the property
//: `Symbol.for('quaich.kind')` of the function, with the value `'sync'` or `'async'`.
//:
//: ```js
//: export const application = markAsync((environ, startResponse) => handler(environ, startResponse));
//: ```
//:
//: B-04: A body with both iterator methods MUST be taken as sync in the sync convention and as async in the async one.
//:
//: B-05: A bridge from a convention to itself MUST return the application unchanged.
//:
//: B-06: The result of an async application MUST be an async iterable, a plain iterable of chunks, or a promise of
//: either, which is awaited once. `async (environ, startResponse) => { startResponse(...); return [chunk]; }` is an
//: application like any other, and G-123 applies to its array.
//:
//: B-08: `startResponse` of the async convention is itself synchronous: it returns `write` at once. What it refuses it
//: MUST throw, not reject.
//:
//: B-12: `wsgi.errors` MUST be the same in both conventions, and synchronous.
//:
//: B-14: Every clause on servers, applications and middleware MUST hold for the async convention too, with "returns"
//: read as "fulfils" and "throws" as "rejects", unless a B row says otherwise.
