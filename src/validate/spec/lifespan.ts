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
