// Clauses about single protocols and hosts.
export {};

//: @in gateways
//: G-170: **CGI.** `environ` MUST come from the environment of the process, turned into native strings; the input from
//: standard input, limited by `CONTENT_LENGTH` (empty or absent: no body). The output is `Status: code reason`, the
//: headers, an empty line, and the body; no HTTP version line and no framing. `wsgi.run_once` is true,
//: `wsgi.multithread` false, `wsgi.multiprocess` true. Node decodes its environment as UTF-8 and loses bytes that are
//: none; where `/proc/self/environ` exists it has the true ones.
//:
//: G-171: CGI: all output MUST be out before the process ends, which `process.exit()` does not ensure for pipes. The
//: exit status is 0 for a request that was handled.
//:
//: G-172: CGI: `HTTP_PROXY` MUST be ignored. `HTTPS` of `on`, `1` or `yes` gives the scheme. A missing `PATH_INFO`
//: becomes `''` or `/` so that G-13 holds.
//:
//: G-173: CGI: an option MAY take `SCRIPT_NAME` off the front of `PATH_INFO` where it is repeated there, on the border
//: of a segment (IIS).
//:
//: G-174: **FastCGI.** The gateway is a responder. The streams of parameters and of standard input MUST each end with
//: an empty record; requests that are interleaved on one connection are kept apart, or refused with "cannot multiplex";
//: KEEP_CONN is honoured; ABORT_REQUEST acts as a disconnect; `wsgi.errors` goes to the stderr stream; GET_VALUES is
//: answered; record types that are not known get UNKNOWN_TYPE. Records have at most 65535 bytes, and padding is
//: ignored.
//:
//: G-175: **SCGI.** The head MUST be a netstring of pairs ended by NUL, with `CONTENT_LENGTH` first and `SCGI` as `1`.
//: A malformed or too large one closes the connection. Exactly CONTENT_LENGTH bytes follow. The response is that of
//: CGI, and the connection is closed after it.
//:
//: G-176: FastCGI and SCGI: the variables come from the front server as they are. `PATH_INFO` and `SCRIPT_NAME` MUST be
//: mended to keep G-11 to G-13, and `multithread`, `multiprocess` and `run_once` from the peer are ignored.
//:
//: G-177: **Mount under node:http.** Headers MUST come from `rawHeaders`, and the target from `req.url` (with
//: `originalUrl` and `baseUrl` for the mount point under a framework). A disconnect is `close` of the response without
//: `finish`. Backpressure comes from `write` and `drain`; waiting ends on `close` too, or it would last for ever. No
//: `Date`, `Connection` or `Transfer-Encoding` is sent twice.
//:
//: G-178: Mount under node:http: where other middleware has taken the request body already, `req.body` or `rawBody`
//: MUST be used only if it is bytes; else the request fails loudly. It never waits for bytes that will not come.
//:
//: G-179: **Mount under fetch.** Statuses without a body (204, 205, 304) MUST get the body `null`; each `Set-Cookie` is
//: appended; the body is a stream that pulls, with a high-water mark of 0 or 1 chunk; its `cancel` leads to G-110 and
//: G-111; the signal of the request feeds `quaich.signal`.
//:
//: G-180: Mount under fetch: `SERVER_NAME`, `SERVER_PORT` and the scheme MUST come from the URL of the request, default
//: ports filled in. The documentation says that the URL parser has normalised the path, and that header fields were
//: joined before.
//:
//: G-181: In every gateway the same application MUST give the same status, list of headers and bytes, apart from fields
//: of framing and what the protocol cannot carry.
