// Clauses about startup and shutdown.
export {};

//: @in lifespan
//: L-01: The hooks `startup` and `shutdown` are optional: properties of the application or exports of its module. A
//: server MUST NOT call the application with a made-up request for this purpose.
//:
//: ```js
//: export function startup(state) {
//:   state.database = open();
//: }
//: export function shutdown(state) {
//:   state.database.close();
//: }
//: ```
//:
//: L-02: `startup` MUST run in every worker that will serve requests, in the same realm and event loop, before the
//: first request of that worker.
//:
//: L-03: The server MUST NOT accept connections, or not hand out requests, before the startup of the configured number
//: of workers is complete.
//:
//: L-04: `startup` may be sync or async. It MUST be awaited, with a time limit.
//:
//: L-05: A `startup` that throws or takes too long MUST stop the server at its start, with the error on the error
//: stream and an exit status other than zero. In a worker that is restarted later it leads to retries with growing
//: delay, while the others serve on. No hook is no failure: only a hook that exists can fail.
//:
//: L-06: `startup` may fill a state object. Every request of that worker MUST get a shallow copy of it as
//: `quaich.state`. (The validator checks that it is an object.)
//:
//: L-07: The state objects of different workers MUST be different objects.
//:
//: L-08: An orderly shutdown MUST stop accepting; let running requests end within a grace period; abort `quaich.signal`
//: of the rest; close their bodies; then run `shutdown` in each worker; then exit.
//:
//: L-09: `shutdown` MUST run once for each startup that was completed, also if that of another worker failed; not for a
//: worker that was ended by force, which is logged.
//:
//: L-10: A `shutdown` that throws MUST be logged, keep no other from running, and make the exit status other than zero.
//:
//: L-11: `shutdown` MUST have a time limit. A second signal to stop cuts the waiting short, that for a `startup` too.
//:
//: L-12: On shutdown idle connections MUST be closed at once, and responses in progress get `Connection: close`.
//:
//: L-13: Gateways without a process of their own (a mount under fetch or node:http) SHOULD offer `startup()` and
//: `shutdown()` to their host. CGI runs both around its one request.
//:
//: L-14: Middleware MUST pass the hooks of the inner application on: startup from the outside in, shutdown the other
//: way round. Routing middleware calls those of all its applications, each once, even if one is mounted twice.
//:
//: L-15: Bridges MUST pass the hooks on. Those of a bridged application run on the thread where it runs.
//:
//: L-16: An idle sync worker MAY be retired and replaced, by number of requests or age; `shutdown` runs in it first.
//:
//: L-17: Standard output and error whose reader has gone or does not read, or whose disk is full, MUST NOT end a
//: server, hold its requests up for more than a moment, or fill its memory. What cannot be written is lost.
//:
//: L-18: Before it serves, and to check an application, a server MUST load it where its failure ends nothing else, such
//: as on a thread of its own: a module that throws, leaves a rejected promise, ends its thread, or never finishes keeps
//: the server from starting, with a message that names the module.
//:
//: L-19: Hooks that are properties of an application MUST run once for each application and worker, with the
//: application as `this`, also where several applications share the function of a hook. Those of a module run once for
//: all its applications that have none of their own.
//:
//: L-20: While no worker of a kind is in service or starting, its requests MUST be answered with 503 and `Retry-After`
//: at once, those that wait too. Starts that fail are tried again with growing delay, each on a new thread; a worker
//: that has served is replaced without delay.
//:
//: L-21: The files that a worker has open MUST be closed when its thread has ended. One that the server is sending is
//: sent to its end first, and never read when its number may be another file's already.
//:
//: L-22: A server SHOULD limit the time from the dispatch of a request to the head of its response, beside the time
//: in which the application waits for the client. At the limit the signal is aborted and the client gets 504; the
//: worker of a sync application that goes on is replaced a moment later. A limit that holds by default is not for
//: async applications, whose responses may wait for an event.
//:
//: L-23: A server MAY limit how many requests wait for a worker. Those beyond it MUST get 503 with `Retry-After` at
//: once.
//:
//: L-24: A client that is waited for, to send a body or to take a response, SHOULD have to keep up a least rate of
//: bytes, not of events: one that moves by a byte now and then is not at work. Time in which the application has
//: nothing to send, or does not read, MUST NOT count. A body that is small is received before a sync worker has to
//: do with it.
//:
//: L-25: A server SHOULD notice from outside that an application blocks the event loop of an async worker, say so,
//: replace the worker, and end each of its requests once: with 500 where no head was sent, else with a broken
//: connection.
//:
//: L-26: The time limit for a head MUST be one for all of it, however its bytes come. Connections beyond a limit
//: SHOULD get 503 rather than a silent end. Limits for the connections of one address and for the requests of one
//: connection MAY be offered.
//:
//: L-27: A server that is asked to reload, as by SIGHUP, MUST read its configuration again, load the applications in
//: new workers, and give these all new requests; old ones end those that they have. Where the new do not load or start
//: up, the old MUST go on, with a message. Settings that take effect with a new start only MUST be named.
//:
//: L-28: What was found out of an application when it was first loaded (L-18): which export is served, its kind, what
//: it is adapted from (B-70), MUST hold on every thread that loads it after that. On a thread where its module has
//: something else, it does not start up.
//:
//: L-29: A module that lets a server of node:http listen itself SHOULD be served in place of that server, unless it
//: exports an application: `listen` is noted and not carried out on any thread, the server is told that it listens, and
//: the owner at the start that it does not. Servers that are started beside an application listen as they say.
//:
//: L-30: A worker MAY be replaced when it has used up what its owner allows it: requests (L-16), age, memory as its
//: thread tells of it. Its successor MUST be in service first; it ends the requests that it has, and its shutdown hooks
//: run. Not all workers of a kind SHOULD be replaced in a row.
//:
//: L-31: A limit of memory that ends a worker by force, and one huge allocation within it, MUST cost the requests of
//: that worker alone, as far as its thread confines them.
//:
//: L-32: Workers that die, or do not start up, again and again MAY end the server, at a number and in a time that its
//: owner has set; by default they SHOULD NOT. Such an end MUST be an orderly one (L-08), with a message, and an exit
//: status of its own.
//:
//: L-33: The number of workers MAY be changed while the server runs; one at least MUST stay. Those that are too many
//: MUST end the requests that they have, and run their shutdown hooks. Where one worker alone gets others beside it,
//: `wsgi.multiprocess` (G-44) MUST become true for all of them.
//:
//: L-34: At a reload (L-27) the new workers of all kinds MUST have started up before the first of them gets a request.
//: Where one has failed, or has died before that, none of them gets any: the others leave, with their shutdown hooks.
//:
//: L-35: From when it listens to signals until its end, no signal that means something to a server may do anything
//: else to it, whenever it comes: what it asks for before the server is there MUST be done when it is, or end the
//: start; during the stop it MUST end nothing but the waiting of that.
//:
//: L-40: A server MAY answer health checks itself, at a path that its owner has named, on its public addresses. The
//: answer MUST come ahead of all applications and queues: 200 while the server is ready, 503 while it starts, drains or
//: stops, and while no worker of a kind is ready (L-20).
//:
//: L-41: A server MAY go on for a time after it was told to stop. Meanwhile health checks MUST get 503, each response
//: MUST end its connection and say so, and idle connections stay. A second signal ends that time (L-11).
//:
//: L-42: What a server tells of itself (status, metrics) MUST have an address of its own, which exists only where its
//: owner asks for it. Requests there MUST be answered ahead of all queues, and what is counted MUST agree with the
//: access log to the request.
//:
//: L-43: An access log MAY take a template of its owner's, as Apache and gunicorn have them. One that cannot be read
//: MUST be refused at the start, by a message that names what cannot be read and its place. What a template does not
//: ask for SHOULD NOT be gathered.
//:
//: L-44: No byte of a client, a front server or an application MUST be able to end a line of the access log, to leave
//: the quotes around it, or to add a field: a request is one line, and the fields of lines can be counted.
//:
//: L-45: The server's own messages SHOULD be offered as text and as objects, a line each, and in a file. What ends the
//: start is told on standard error in any case.
//:
//: L-46: Where these go to a file, what applications write to `wsgi.errors` (G-70) SHOULD go there as well, and what
//: they write to the console on threads of their own: at once, in the order of each thread, and never held in memory.
//:
//: L-47: A log that cannot be written (a full disk, a file that was removed, a pipe that nobody reads) MUST NOT end or
//: block the server, or hold a request up for long. Lines that are lost MUST be counted and told. Files MUST be opened
//: anew, under the same name, when the owner asks for it, by all threads that write to them.
//:
//: L-48: A server MAY tell of each call of an application by a tracing channel of `node:diagnostics_channel`
//: (`quaich:request`). Each request MUST begin there once and end once, behind the close of its body, whatever becomes
//: of it; while nobody has subscribed, nothing is made for it. How many milliseconds a request has waited for its
//: application a server MAY say in `quaich.queue_time`.
//:
//: L-49: Modules that are to run ahead of the applications (`--import`) MUST run on each thread that loads one, in
//: their order, before it does; one that cannot be loaded keeps the server from starting, with a message that names
//: it. Its export `shutdown`, where there is one, is awaited behind the shutdown hooks of that thread.
//:
//: L-50: A server MAY give a mount workers of its own. Requests of other mounts MUST NOT wait for these then, nor its
//: own requests for others; health, status, metrics and reload hold for them as for all workers.
//:
//: L-51: A server MAY run as several processes that share its addresses, under one that gives the orders. Those that
//: die MUST be replaced, those that do not start with growing delay. Signals, exit code, start lines, health, status
//: and metrics MUST be those of one server. A start that fails in any of them ends all, with the error.
//:
//: L-52: The number of workers by default SHOULD follow the CPUs that the process may use, by a quota of its control
//: group (version 1 or 2) as well, a part of one counting as a whole.
//:
//: L-53: Where nothing else names an address, the variables `PORT` and `HOST`, and where nothing else names the number
//: of processes, `WEB_CONCURRENCY` SHOULD count, as platforms set them.
//:
//: L-54: Under systemd a server SHOULD listen on the sockets that it is handed over, where nothing else names an
//: address, and tell when it is ready, reloads and stops, and that it lives.
//:
//: L-55: A server that root starts MAY serve as another user (`--user`, `--group`). Applications MUST be loaded and
//: called, and what clients send MUST be read, in processes that have become that user on all threads, with the groups
//: that it belongs to and no others, and cannot go back. What such a process opens it opens by these rights, at the
//: start as at any later time. A user that does not exist, or cannot be become, keeps the server from starting.
//:
//: L-56: A file with the id of the process (`--pid-file`) MUST be there from when requests are answered until the stop
//: is over. It MUST be refused where the id of another living process stands there; that of one that has ended is
//: replaced, and anything else left as it is.
//:
//: L-57: The rights that new files do not get (`--umask`) MUST hold ahead of the first file or socket that is made, and
//: another directory (`--chdir`) ahead of everything that is looked up from it.
//:
//: L-58: Whatever dies, hangs, is cut off or loaded again beside it, a request MUST be answered once, by what belongs
//: to it, or see its connection end; no answer is lost, given twice or given to another one. Memory and descriptors
//: stay as they were.
//:
//: L-60: A server MAY have a way to be run by those who write an application (development). It MUST be asked for by a
//: command of its own: in production nothing of it is loaded, and no setting of production leads to it.
//:
//: L-61: In development, when a file of an application or of its configuration is saved, made or removed, the
//: applications MUST be loaded again as in L-27, without being asked, and SHOULD serve within half a second. Sockets
//: stay open, and requests that run end on the old code.
//:
//: L-62: In development, code that does not load or start up MUST be told of with file, line and lines of source where
//: these can be found out. The code before it goes on serving; where there is none, every request MUST be answered
//: with the same, and the next save tries again.
//:
//: L-63: In development, what a reload cannot bring about (other mounts, kinds, or settings) MUST be brought about by a
//: new start at the same addresses, once the new code has loaded.
//:
//: L-64: In development, each application of the convention MUST run inside the validator; a warning is told with its
//: row and what to do.
//:
//: L-65: In development, an error that can still be answered SHOULD be answered with the lines of source, the chain of
//: causes, and, where a rule was broken, that rule and what to do: as HTML to who accepts it, else as plain text.
//:
//: L-66: In development, a signal to stop SHOULD end the server within a second, whatever its requests do.
//:
//: L-67: A server MAY have a command that sends one request to an application without serving it. The environ MUST be
//: that of a server; the application is the one whose mount has the path, and its hooks run. What it writes to
//: `wsgi.errors` goes to standard error, and the exit code tells whether it has answered well.
//:
//: L-68: A server MAY have a command that calls each application that would be mounted inside the validator, with a few
//: requests (GET, HEAD, OPTIONS, a POST with a body, a path that is not there). What is wrong MUST be told with its row
//: and what to do, and by the exit code. Loading to check settings (`--check`) MUST call nothing.
//:
//: L-69: A server MAY have a command that makes a folder to begin with. It MUST NOT write to a file that exists, or
//: into a folder that is not empty; it asks nothing that its arguments say, and downloads nothing. What it makes MUST
//: pass its own tests.
//:
//: L-70: A server MAY come with a demonstration, by a command. What it claims of itself it SHOULD measure where it is
//: looked at, beside another server that does the same work, and it ends with all that it has started.
//:
//: L-71: At the beginning of the grace of an orderly shutdown (L-08) a server SHOULD end responses of
//: `text/event-stream` to a GET, which have no end of their own and whose clients connect again by themselves:
//: properly, so that front servers see no error. Their applications learn of it at once: `quaich.signal` aborts with
//: RequestAborted, for sync ones `quaich.client_disconnected()` is true, and what they send is discarded. All other
//: responses have the grace.
//:
//: L-72: What modules do when they are loaded SHOULD be done once for each worker, and nowhere else: where workers of
//: one kind serve all applications, the thread that has found out what these are (L-18) goes on as the first of them.
//:
//: L-73: What applications measure for themselves, in a registry that their module exports as `metrics`, a server MAY
//: tell among its own metrics (L-42): put together over threads, mounts and processes, each value as its metric says.
//: Metrics with names of the server's MUST be left out.
//:
//: L-74: Where a server tells what applications measure, it MUST wait for no thread for long: of one that is busy
//: counts what it told last. Counters of a thread or a process that has ended MUST go on to count, so that the sum
//: never falls. How much it takes MUST have a limit, and what is left out for that, or for what a registry throws, is
//: told in the log.
