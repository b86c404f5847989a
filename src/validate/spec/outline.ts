// The frame of docs/SPEC.md; the clauses stand beside the checks. `node scripts/spec.mjs` writes the page.
export {};

//: # The interface: WSGI 1.0.1 for JavaScript
//:
//: Generated from `src/validate/` by `node scripts/spec.mjs`. Each clause stands there beside the check that enforces
//: it.
//:
//: A **server** (or gateway) receives requests; an **application** answers them; **middleware** is both, an application
//: to the server and a server to the application inside it. This page says what each side may expect of the others: the
//: rendition of [PEP 3333](https://peps.python.org/pep-3333/) (WSGI 1.0.1) in JavaScript, its asynchronous variant, and
//: the rules for what stands between the two. It is meant to be enough to write a second server from. The words MUST,
//: MUST NOT, SHOULD, SHOULD NOT and MAY have the meaning of RFC 2119.
//:
//: ```js
//: // sync: may block, one request at a time
//: export function app(environ, startResponse) {
//:   startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
//:   return [new TextEncoder().encode('Hello\n')];
//: }
//:
//: // async: many requests at a time on one event loop
//: export async function* echo(environ, startResponse) {
//:   startResponse('200 OK', [['Content-Type', environ.CONTENT_TYPE || 'application/octet-stream']]);
//:   for await (const block of environ['wsgi.input'].chunks()) yield block;
//: }
//: ```
//:
//: ## How to read the clauses
//:
//: Every clause begins with the ids of its rows. G rows bind servers, A rows applications, M rows middleware, B rows
//: belong to the async convention and to bridges between the two, L rows to startup and shutdown, PY rows to
//: applications written in Python. A clause with a V row is enforced by the validator (`quaich/validate`), which names
//: the row in its messages. What has no V row can mostly not be seen from between the two sides. Where the validator
//: only warns, the clause says so.
//:
//: A server is conforming if an application that keeps the A rows gets what the G rows promise, for every request. An
//: application is conforming if it keeps the A rows with every conforming server. The types of the package
//: (`Application`, `AsyncApplication`, `Environ`, `StartResponse` and so on) say the same to the compiler, as far as a
//: compiler can know.
//:
//: ## Terms
//:
//: | term | meaning |
//: | --- | --- |
//: | native string | a string whose every UTF-16 unit is at most U+00FF; it stands for a sequence of bytes, one unit for each (ISO-8859-1) |
//: | chunk | a `Uint8Array` (a `Buffer` is one) that the body yields or that is given to `write` |
//: | head | status line and response headers together |
//: | head sent | the head has been handed to the transport and cannot be replaced any more |
//: | body | the iterable or async iterable that the application returned |
//: | step | one call of `next` of the body's iterator, until it returns (sync) or its promise settles (async) |
//: | sync application | `(environ, startResponse) => Iterable<Uint8Array>` |
//: | async application | `(environ, startResponse) => AsyncIterable<Uint8Array>`, or a promise of one, or of a plain iterable |
//: | gateway | whatever calls an application: an HTTP server, a CGI, FastCGI or SCGI runner, a mount under node:http or fetch |
//: | bridge | what lets an application of one convention run where the other one is in force |
//:
//: ## Calling the application
//:
//: For each request the server builds an `environ`, calls the application, takes the body that it returns, sends it
//: chunk by chunk, and closes it:
//:
//: ```js
//: const body = application(environ, startResponse);
//: try {
//:   for (const chunk of body) send(chunk); // the head goes first, with the first chunk that is not empty
//:   sendHeadIfNotSent();
//: } finally {
//:   body.close?.();
//: }
//: ```
//:
//: @clauses calling
//:
//: ### The two conventions
//:
//: An application is sync or async. The conventions differ in what the body is, in `wsgi.input` and in `write`; all
//: else is the same.
//:
//: |  | sync | async |
//: | --- | --- | --- |
//: | result | iterable | iterable, async iterable, or a promise of either |
//: | `wsgi.input` | methods return bytes, and may block | methods return promises of bytes |
//: | `startResponse` | returns `write` | returns `write`, at once, as well |
//: | `write(chunk)` | returns when the next chunk is wanted | returns a promise of that |
//: | `close()` | returns nothing | may return a promise |
//: | `environ['quaich.async']` | `false` | `true` |
//:
//: In the notation of TypeScript (the package exports these types; that of a status also refuses literals which break
//: G-88 or G-89, headers may be lists that nobody may change, and the error whatever a `catch` has caught):
//:
//: ```ts
//: type Application = (environ: Environ, startResponse: StartResponse) => Body;
//: type Body = Iterable<Uint8Array> & { close?(): void };
//: type StartResponse = (status: string, headers: [name: string, value: string][], error?: Error | null) => Write;
//: type Write = (chunk: Uint8Array) => void;
//:
//: type AsyncApplication = (environ: AsyncEnviron, startResponse: AsyncStartResponse) => AsyncBody | Promise<AsyncBody>;
//: type AsyncBody = (AsyncIterable<Uint8Array> | Iterable<Uint8Array>) & { close?(): void | Promise<void> };
//: type AsyncStartResponse = (status: string, headers: [string, string][], error?: Error | null) => AsyncWrite;
//: type AsyncWrite = (chunk: Uint8Array) => Promise<void>;
//: ```
//:
//: @clauses kinds
//:
//: ## The request: environ
//:
//: | key | there | value | clause |
//: | --- | --- | --- | --- |
//: | `REQUEST_METHOD` | always | the method as received | [G-10](#g-10) |
//: | `SCRIPT_NAME` | always | where the application is mounted; `''` at the root | [G-11](#g-11) |
//: | `PATH_INFO` | always | the rest of the path, percent-decoded | [G-12](#g-12), [G-15](#g-15) |
//: | `QUERY_STRING` | always | what follows the first `?`; `''` without one | [G-18](#g-18) |
//: | `REQUEST_URI` | should be | the request target as received | [G-19](#g-19) |
//: | `CONTENT_TYPE`, `CONTENT_LENGTH` | with the field | its value | [G-26](#g-26), [G-27](#g-27) |
//: | `HTTP_*` | with the field | all other header fields | [G-29](#g-29), [G-30](#g-30) |
//: | `SERVER_NAME`, `SERVER_PORT` | always | where the request arrived | [G-24](#g-24) |
//: | `SERVER_PROTOCOL` | always | the version of the request | [G-25](#g-25) |
//: | `SERVER_SOFTWARE`, `GATEWAY_INTERFACE`, `REMOTE_ADDR`, `REMOTE_PORT` | should be | as in CGI | [G-37](#g-37) |
//: | `HTTPS`, `SSL_*` | under TLS | `on`; what is known | [G-38](#g-38), [G-202](#g-202) |
//: | `wsgi.version` | always | `[1, 0]` | [G-40](#g-40) |
//: | `wsgi.url_scheme` | always | `http` or `https` | [G-41](#g-41) |
//: | `wsgi.input`, `wsgi.errors` | always | the streams | [G-42](#g-42) |
//: | `wsgi.multithread`, `wsgi.multiprocess`, `wsgi.run_once` | always | booleans | [G-43](#g-43) to [G-45](#g-45) |
//: | `wsgi.input_terminated` | should be | `true` | [G-46](#g-46) |
//: | `wsgi.file_wrapper` | may be | a function that makes a body of a file | [G-160](#g-160) |
//: | `quaich.async` | always | which convention is in force | [G-47](#g-47) |
//: | `quaich.signal` | should be (async) | an `AbortSignal` | [G-48](#g-48) |
//: | `quaich.client_disconnected` | should be (sync) | a function that answers the same | [B-37](#b-37) |
//: | `quaich.queue_time` | may be | milliseconds that the request waited | [L-48](#l-48) |
//: | `quaich.early_hints` | may be | a function that sends a 103 response | [G-152](#g-152) |
//: | `quaich.peer_address` | may be | the address of the peer, where proxies are trusted | [G-210](#g-210) |
//: | `quaich.unix_socket` | may be | `true`: the peer is on a Unix socket | [G-182](#g-182) |
//: | `quaich.state` | with a startup hook | a copy of its state | [L-06](#l-06) |
//:
//: @clauses environ
//:
//: ### Variables of CGI
//:
//: Keys without a dot are the variables of CGI (RFC 3875), as native strings.
//:
//: @clauses environ-cgi
//:
//: ### The request target
//:
//: @clauses target
//:
//: ### Header fields
//:
//: @clauses fields
//:
//: ### Server and client
//:
//: @clauses server
//:
//: ### The interface's own keys
//:
//: Keys with a dot belong to the interface (`wsgi.`), to this project's additions to it (`quaich.`), and to whoever
//: else adds some.
//:
//: @clauses environ-wsgi
//:
//: ### The input stream
//:
//: `environ['wsgi.input']` is the request body. In the async convention, read "returns" as "fulfils the promise with".
//:
//: @clauses input
//:
//: ### The error stream
//:
//: @clauses errors-stream
//:
//: ## The head of the response: startResponse
//:
//: `startResponse(status, headers, error?)` says how the response begins. It is a function of the request, made by the
//: server.
//:
//: @clauses start-response
//:
//: ### Status
//:
//: @clauses status
//:
//: ### Headers
//:
//: @clauses headers
//:
//: ### write
//:
//: The function that `startResponse` returns exists for applications that cannot be turned into an iterable. Servers
//: MUST have it.
//:
//: @clauses write
//:
//: ## The body of the response
//:
//: @clauses body
//:
//: ### Content-Length
//:
//: @clauses length
//:
//: ### Framing, HEAD, and responses without a body
//:
//: @clauses framing
//:
//: ### The end: return and close
//:
//: A body is not always read to its end. The order is: the last `next`, or `return()` of the iterator where it is left
//: early; then `close()` of the body.
//:
//: @clauses closing
//:
//: ## Failures
//:
//: @clauses failures
//:
//: ### Disconnects and cancellation
//:
//: @clauses disconnect
//:
//: ## Extensions
//:
//: @clauses extensions
//:
//: ### Files
//:
//: @clauses file-wrapper
//:
//: ## Middleware
//:
//: @clauses middleware
//:
//: ## Bridges between the conventions
//:
//: ### A sync application under an async gateway
//:
//: @clauses bridge-sync
//:
//: ### An async application under a sync gateway
//:
//: @clauses bridge-async
//:
//: ### Context and threads
//:
//: @clauses threads
//:
//: ## Startup and shutdown
//:
//: WSGI has neither. These clauses are an optional part: an application without hooks works unchanged.
//:
//: @clauses lifespan
//:
//: ## Individual gateways
//:
//: @clauses gateways
//:
//: ## Applications written in Python
//:
//: WSGI was made for Python, and its applications run here as sync ones: in interpreters on worker threads, by way of
//: Pyodide. PY rows say what such an application may expect; where one names a clause of another letter, that holds in
//: the words of PEP 3333.
//:
//: @clauses python
//:
//: ## The validator
//:
//: `validator(application, options?)` returns an application of the same kind that checks both sides of every call and
//: changes nothing for a correct pair. Two validators around the same request, with middleware between them, find each
//: other through a symbol in `environ` and check the middleware as well.
//:
//: ```js
//: import { validator } from 'quaich/validate';
//:
//: export const application = validator(app);
//: ```
//:
//: @clauses messages
