// Clauses about how a server sends what the body yields.
export {};

//: @in body
//: G-102: If the first chunk that is not empty arrives, or the body ends, and `startResponse` was never called, the
//: server MUST answer 500, log the error, and close the body. An empty chunk before `startResponse` is tolerated.
//:
//: G-104: A chunk MUST be sent, or its sending guaranteed to go on, before the next one is asked for. No chunk waits
//: for a later one. (Head and first chunk MAY leave together.)
//:
//: G-117: Of a body that is an array the server MAY send all chunks in one go.
//:
//: G-118: A chunk that is detached, or whose buffer is resized, while the server still needs it, has broken G-115. Of a
//: server that has not copied it by then, the response MUST fail (G-140, G-141). It never ends as complete without the
//: bytes, and no other bytes take their place: neither other memory of the process nor the next response.
//:
//: A-10: An application SHOULD NOT count on its body being read to the end. It releases what it holds in `close`, or in
//: the `finally` of a generator; since that never runs if the generator was not started, a generator acquires its
//: resources inside.

//: @in length
//: G-120, B-29: The server MUST NOT send more bytes than the application's Content-Length. It cuts the surplus, stops
//: iterating (G-110), closes the body and logs the event; the connection may be kept.
//:
//: G-121: A `write` beyond Content-Length MUST throw; the bytes up to the limit may have been sent.
//:
//: G-122: If a body ends with fewer bytes than its Content-Length, the server MUST log that and close the connection,
//: so that the client sees the truncation. It neither pads nor keeps the connection.
//:
//: G-123: Where the application gave no Content-Length, called no `write` and returned an array of one chunk, the size
//: of that chunk SHOULD be the Content-Length (`[empty]` gives 0). This is for arrays only: a `length` elsewhere may
//: count anything. For arrays of any length the sum MAY be used.

//: @in framing
//: G-107: An empty chunk MUST send nothing; in chunked coding it would end the response.
//:
//: G-125: Without a known length a response MUST have the chunked coding on HTTP/1.1; on HTTP/1.0 it has no coding and
//: the connection is closed at its end. On HTTP/1.0 a connection is kept only with a known length.
//:
//: G-126: The last chunk of the chunked coding MUST be sent only after the body has ended without error: a broken body
//: must not look complete.
//:
//: G-127: A body that ends without a byte, and without a Content-Length, MUST get `Content-Length: 0`, except for HEAD,
//: 204 and 304.
//:
//: G-128, A-26: For HEAD the head MUST be that of the response, and no byte of the body is sent; the application SHOULD
//: answer as for GET. A Content-Length of the application is kept and none is invented but by G-123; in particular not
//: 0 because nothing was sent. The body is advanced until the head is settled (first chunk that is not empty, or the
//: end), then abandoned and closed.
//:
//: G-129: A 204 response MUST have neither body, Content-Length nor Transfer-Encoding; 304 no body, and a
//: Content-Length only if the application gave it; 205 no body and a Content-Length of 0. Chunks are dropped, with one
//: warning for each response.
//:
//: G-130: Requests of HTTP/0.9 MUST be refused, or answered with the bare body.
//:
//: G-131: Responses MUST leave a connection in the order of its requests. A pipelined request does not begin to use the
//: connection before the previous body is closed.
//:
//: G-183: A response after which the server ends the connection MUST say so with `Connection: close` wherever that is
//: known before its head goes out: a complete answer ahead of a request body that is too large to be dropped, or that
//: its client holds back for a 100 (G-67); limits; a stop (L-12). Else the connection is kept, and what comes of the
//: body is dropped, for a limited time.
//:
//: G-184: A client that ends its side of the connection (FIN) behind its whole request MUST still get the response,
//: however long it takes. It is gone when the connection is reset, or when it ended its side within a response that
//: then does not move, and leaves no way to ask (G-230).
//:
//: G-230: Of a client that has ended its side a server SHOULD find out soon whether it is still there, by bytes that
//: change nothing for one that reads: within a chunked response the first digit, a zero, of the next chunk's size (RFC
//: 9112, 7.1), ahead of the head a 100 for HTTP/1.1 (RFC 9110, 15.2.1). The system of one that has closed its
//: connection answers with a reset.
//:
//: G-231: A server MAY tell clients how long it keeps idle connections, in a field Keep-Alive beside `Connection:
//: keep-alive`, on responses of HTTP/1 after which the connection stays, and on no others.

//: @in closing
//: G-113: An exception from `return()` or `close()`, or from looking them up, MUST be logged. It prevents neither the
//: other call, nor changes a response that is complete, nor takes down the worker.
//:
//: G-114: If the application throws before it has returned, there is nothing to close. If it has returned and the
//: server fails for a reason of its own, `close()` MUST still be called.
