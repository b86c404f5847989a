// Duties of middleware that two validators around it do not see.
export {};

//: @in middleware
//: M-01: Middleware MUST keep all G rows towards the application inside it and all A rows towards the server, unless an
//: M row is stricter.
//:
//: M-05: If it gives the application a `startResponse` of its own, that MUST return a working `write`, which transforms
//: what it gets as the body is transformed.
//:
//: M-06: It MUST pass the error argument of `startResponse` on, or handle it knowingly: store the error head and return
//: normally, or throw an error of its own.
//:
//: M-07: It MUST expect that `startResponse` is called late, in the first step of the body, and again with an error.
//: Decisions that depend on the headers are taken anew at each call, and not before. A flag that is set by the first
//: call and not reset by the second is the classic mistake.
//:
//: M-10: It MUST remove or correct `Content-Length` when it changes the body, and `ETag`, `Content-MD5` and
//: `Accept-Ranges` where that fits.
//:
//: M-11: When it drops a body (for HEAD or 304), it MUST close it at once.
//:
//: M-12: It SHOULD copy `environ` before a change that is meant for the inner application only; a change meant for all
//: may be made in place. A copy is another object: extensions MUST NOT depend on the identity of `environ`.
//:
//: M-13: Routing middleware MUST move segments from the front of `PATH_INFO` to the end of `SCRIPT_NAME`, and keep what
//: the two make together.
//:
//: M-14: Derived data SHOULD be offered as functions of `environ`, not as values that are stored early; a cache is
//: keyed by what it was computed from.
//:
//: M-15: Names of headers MUST be compared without regard to case. The order and the repetition of other headers stay.
//:
//: M-18: Middleware written for one convention MUST refuse an application of the other, with an error that names the
//: bridge to use, unless it is made for both.
//:
//: M-19: Middleware for both conventions SHOULD be written once against a small layer (map the body, map the head, on
//: close) that exists in both forms.
//:
//: M-21: A context that is set up around the inner call (an AsyncLocalStorage, a time span, a lock) MUST also cover
//: each step of the body and its close, or be documented not to: a generator runs in the context of whoever calls
//: `next`.
//:
//: M-22: It MUST NOT keep `environ`, `startResponse` or the body after close.
//:
//: M-23: Text from outside (fields of request and response, path, query, body) MUST be read in a time that grows no
//: faster than its length.
//:
//: M-24: Where a function of the owner decides something (whether an origin is allowed, whether a body is compressed),
//: nothing but `true` MUST count as yes. A promise is awaited where the convention allows it; elsewhere it is an error,
//: as is any other value that is not false.
//:
//: M-25: A response with 304 MUST have the ETag and the Vary that a 200 to the same request would have (RFC 9110,
//: 15.4.5), whatever middleware it passes.
//:
//: M-26: A span around a request MUST begin before its application is called, and end once, when the body is closed:
//: also where the client leaves, the application throws, or the close does.
//:
//: M-27: It MUST continue the trace of the client (`traceparent`), and be active wherever the application runs: in its
//: call, each step of its body and its close, behind each wait too.
//:
//: M-28: Of a request that fails the span MUST tell the first error and that it has failed: of an exception, and of a
//: status from 500 on. A client that leaves, and a status below 500, are no failures.
//:
//: M-30: What makes middleware, or wraps applications, SHOULD refuse a middleware that was given no application, and a
//: list of middleware that is none or has an application in it: when it is made or loaded, before the first request.
//:
//: M-31: An allow list of hosts MUST refuse a request whose Host is not on it, is malformed or missing, with 421 (RFC
//: 9110, 7.4), before the application is called.
//:
//: M-32: Files of a directory MUST NOT be served under hidden names, but for `.well-known` at the root (RFC 8615). A
//: page that stands in for one which does not exist SHOULD go to those alone that ask for HTML, and say `Vary: Accept`.
//:
//: M-33: A preflight that asks for access to a private network MUST NOT be granted that, unless the owner wants it and
//: the origin is allowed.
