// Clauses about environ that need the request itself to be checked, which only the server has.
export {};

//: @in environ
//: G-04: Every request MUST get an `environ` of its own. Nothing that an application stores or deletes there may be
//: seen by another request; what is shared between requests, such as `wsgi.version`, is frozen.
//:
//: G-08: A server SHOULD document every key that it provides.
//:
//: G-50: A server SHOULD let the deployer add pairs of strings. Variables of the process MAY be copied in first; those
//: of the request override them. `HTTP_*`, `CONTENT_*`, `REMOTE_USER` and `AUTH_TYPE` of the process are never copied.
//: What is copied is turned into native strings.
//:
//: A-17: An application MAY change `environ` in any way.

//: @in environ-cgi
//: G-26: `CONTENT_TYPE` MUST be the value of the field as received, and absent when the field is absent. No default is
//: invented.
//:
//: A-19: For text, an application SHOULD turn `PATH_INFO` into bytes and decode these, as UTF-8 for example.
//:
//: ```js
//: const path = Buffer.from(environ.PATH_INFO, 'latin1').toString('utf8');
//: ```

//: @in target
//: G-14: A mount MUST match whole segments only: an application at `/app` gets `/app` and `/app/x`, never `/apple`.
//:
//: G-15: `PATH_INFO`, and `SCRIPT_NAME` where it comes from the URL, MUST be percent-decoded to bytes and given as
//: native strings:
//:
//: | in the target | in `PATH_INFO` |
//: | --- | --- |
//: | `%C3%A9` | U+00C3 U+00A9 |
//: | `%E9` | U+00E9 |
//: | `%2F` | `/` |
//: | `%3F` | `?` |
//:
//: `decodeURIComponent` does neither: it throws on `%E9` and makes characters of bytes.
//:
//: G-16: `+` in a path MUST be left alone. So is a malformed escape (`%`, `%4`, `%zz`), which does not fail the
//: request.
//:
//: G-17: A decoded NUL (`%00`) or other control byte in the path is either passed on or refused with 400; the choice
//: SHOULD be the same in all gateways, and documented.
//:
//: G-19: A server SHOULD give the target as it was received as `REQUEST_URI`: `PATH_INFO` cannot tell `%2F` from `/`.
//:
//: G-20: Of a target in absolute form (`GET http://host/path?query HTTP/1.1`) the path and query MUST be used as if
//: they had come alone, and the authority MUST override the Host field in `HTTP_HOST`.
//:
//: G-21: `OPTIONS *` MUST be answered by the server or passed on with `PATH_INFO` as `*`. A target in authority form is
//: accepted with CONNECT only, which the server may refuse.
//:
//: G-240: A server that refuses CONNECT by HTTP/1.1 MUST end the connection with that response, and read no request
//: behind it (RFC 9931, 8): a client may send what is meant for the tunnel, and was written by somebody else, without
//: waiting.
//:
//: G-185: A target in absolute form whose scheme is neither `http` nor `https` MUST be refused, with 421 (RFC 9110, 7.4
//: and 15.5.20). An `https` target MAY come over a connection that is not secured, since TLS may end at a gateway in
//: front; `wsgi.url_scheme` is not taken from it.
//:
//: G-22: A target with `#`, a control byte, a space or a byte above 0x7F MUST be refused with 400, or handled by one
//: documented rule. The fragment never gets into `PATH_INFO` or `QUERY_STRING`.
//:
//: G-23: A server SHOULD NOT normalise `.` and `..` segments or doubled slashes. One that gets its URL from a parser
//: which does so anyway says so in its documentation.

//: @in fields
//: G-29: Every request field other than Content-Type and Content-Length MUST appear as `HTTP_` and its name in upper
//: case with `-` turned into `_`: `Accept-Language` is `HTTP_ACCEPT_LANGUAGE`. A field that is absent gives no key, an
//: empty one `''`. (Exceptions: G-32, G-35, G-36.)
//:
//: G-30: Fields that occur several times MUST be joined in the order of arrival with `,`, Cookie fields with `; `. All
//: gateways give the same result. Under node, build it from `rawHeaders`: `headers` drops some repetitions and joins
//: others otherwise.
//:
//: G-31: Joining MUST take time linear in the size of the header section. The number of fields and their total size are
//: limited (431).
//:
//: G-32: A field whose name contains `_` MUST be dropped, or the request refused, by default. An option may let it
//: pass, but never joins it with the spelling that has `-`: `X_Auth_User` must not pass for `X-Auth-User`, which a
//: proxy sets.
//:
//: G-33: The server MUST answer 400 to a repeated Content-Length, a repeated Host, a missing Host on HTTP/1.1, and to
//: Transfer-Encoding together with Content-Length; in the last case it may instead ignore Content-Length and close the
//: connection after the response.
//:
//: G-34: Values MUST lose spaces and HTABs at both ends, and nothing else (`trim` would also take U+00A0, which is a
//: byte of the value). White space between name and colon, a folded line, and CR, LF or NUL in a value are answered
//: with 400.
//:
//: G-35: The field `Proxy` SHOULD NOT become `HTTP_PROXY`, which programs take for their configuration ("httpoxy").
//: Where `environ` and the environment of the process meet (CGI), it MUST NOT.

//: @in server
//: G-37: A server SHOULD give `REMOTE_ADDR`, `REMOTE_PORT`, `SERVER_SOFTWARE` and `GATEWAY_INTERFACE` (`CGI/1.1`), and
//: leave out `REMOTE_USER` and `AUTH_TYPE` without authentication and `REMOTE_HOST` without a lookup.
//:
//: G-182: A request that came by TCP MUST NOT reach the application without `REMOTE_ADDR`: a client that the system no
//: longer knows has gone. A peer on a Unix socket has no address; there `quaich.unix_socket` is true, and only there. A
//: missing address alone proves nothing. Where a trusted proxy says that it does not know its client, there is no
//: address either ([G-214](#g-214)).
//:
//: G-38: Under TLS a server SHOULD set `HTTPS` to `on` and what it knows of the `SSL_*` variables; without TLS all of
//: them are left out.
//:
//: G-200: A server that speaks TLS MUST offer version 1.2 and later ones only. It MUST show the first of its
//: certificates with the name that the client asks for (SNI), else the first of all.
//:
//: G-201: Where clients are asked for a certificate, a request MUST NOT reach the application over a connection whose
//: certificate is not verified, nor over one without, where it is required. A session that is resumed has what its
//: first handshake has settled.
//:
//: G-202: The `SSL_*` variables MUST come from the handshake alone. Their names and forms are those of Apache's
//: mod_ssl: `SSL_PROTOCOL`, `SSL_CIPHER`, `SSL_SESSION_RESUMED` (`Initial` or `Resumed`), `SSL_TLS_SNI`,
//: `SSL_CLIENT_VERIFY` (`NONE`, `SUCCESS`, `FAILED:reason`); of a client's certificate `SSL_CLIENT_M_SERIAL`,
//: `SSL_CLIENT_V_START`, `SSL_CLIENT_V_END`, `SSL_CLIENT_S_DN` and `SSL_CLIENT_I_DN` (RFC 2253) with their parts
//: (`_CN`, `_O`, `_OU_1`), `SSL_CLIENT_SAN_DNS_0` and `SSL_CLIENT_SAN_Email_0` with those that follow, and
//: `SSL_CLIENT_CERT` (PEM).
//:
//: G-203: Renewed certificates SHOULD be taken up for new connections while the server runs. Files that cannot be used
//: MUST leave in place what was there before, and are told.
//:
//: G-204: A handshake MUST have a limit of time that no number of bytes extends, and counts as a connection. One that
//: fails SHOULD NOT appear in the log unless its owner asks for that.
//:
//: G-205: A client that speaks plain HTTP where TLS is spoken SHOULD get an answer that says so.
//:
//: G-206: Everything else MUST be as without TLS: bodies and their backpressure, disconnects, limits, the order of a
//: stop. A response that breaks off is an error to its client.
//:
//: G-39: Address, scheme and host MUST NOT be taken from `X-Forwarded-*` or `Forwarded` unless the peer is configured
//: as trusted.
//:
//: G-210: A server that trusts proxies MUST go by one rule for all applications, whatever runs them and whatever
//: protocol they are reached by: that of the middleware. The addresses are read from right to left, beginning with the
//: peer, which is by FastCGI and SCGI the `REMOTE_ADDR` of the front server; the first that is not trusted is the
//: client. Its address and scheme, and where the owner says so host, port and prefix, replace those of the connection;
//: `quaich.peer_address` keeps the address of the peer.
//:
//: G-211: Where proxies are trusted, forwarding fields of other peers MUST NOT reach an application, nor those that are
//: not taken. Of those that are, what stands left of the words of trusted proxies is removed.
//:
//: G-212: The access log MUST have the address of the client that the application gets.
//:
//: G-213: Where the PROXY protocol is spoken, a connection MUST begin with its header, version 1 or 2, and come from a
//: trusted peer. Any other is closed without an answer.
//:
//: G-214: The addresses of the header MUST count as those of the connection, before TLS as well. Where the proxy speaks
//: for itself (LOCAL) they are its own. Where it does not know its client, or that is on a Unix socket, there is no
//: `REMOTE_ADDR`, and its forwarding fields are removed. What follows the addresses is skipped.
//:
//: G-215: A header MUST have a limit of size and one of time that no number of bytes extends, and counts as a
//: connection. Connections that are refused SHOULD be told to the owner, but not each of them.
//:
//: G-220: A server MAY speak HTTP/2 with clients that choose it (ALPN). A request MUST then reach the same applications
//: with the environ that it would have by HTTP/1.1, but for `SERVER_PROTOCOL`, which is `HTTP/2.0`: `HTTP_HOST` is
//: `:authority`, parts of a cookie are joined, and the rules and limits of request heads are the same.
//:
//: G-221: Bodies MUST have backpressure in both directions for each stream of its own: what one holds up, no other
//: waits for. A body whose stream is reset MUST NOT look complete.
//:
//: G-222: Responses MUST have the fields that they would have by HTTP/1.1, with names in lower case and without those
//: of the connection; so MUST interim ones.
//:
//: G-223: A response that breaks off MUST reset its stream, and no other. A client that resets a stream has left.
//:
//: G-224: Connections MUST have the limits of all connections: their number, their requests, the time that they may be
//: idle, which no PING extends. At a stop requests in progress end, and clients are told to go elsewhere (GOAWAY).
//:
//: G-225: Streams MUST have the limits of all requests, those of time each for itself. The requests of one client that
//: applications work on at a time MUST have a limit, streams that it has reset among them. Floods of frames MUST end
//: their connection.
//:
//: G-226: What would mean something else in HTTP/1.1 MUST NOT reach an application: line ends in fields, fields of the
//: connection, a Host beside another `:authority`, a body of another length than it says.

//: @in environ-wsgi
//: G-44: `wsgi.multithread` MUST be true where several requests may be in progress in one realm, thus on an event loop;
//: and false in a pool of isolated workers that take one request at a time. There `wsgi.multiprocess` is true when
//: there is more than one of them. The flags tell an application whether its module state is shared; threads that share
//: none are processes in this sense.
//:
//: G-45, A-20: `wsgi.run_once` MUST be true only where one request for each process is expected (CGI). An application
//: MUST NOT take it for a promise.
