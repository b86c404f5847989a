const WORKERS = '--sync-workers and --async-workers say how many threads serve';
const PROCESSES = '--processes says how many processes serve, each with --sync-workers and --async-workers';
const RELOAD = '`quaich dev` loads applications again when their files are saved';
const OPEN = 'it is for `quaich dev`';
const TLS = '--bind https://HOST:PORT with --tls-cert and --tls-key; `quaich dev --https` makes a certificate';
const TIMEOUTS = 'each limit of time has a flag of its own: see "Timeouts" in --help all';

/** Flags that other servers have, by their names without dashes, and what there is here. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  workers: WORKERS,
  threads: WORKERS,
  instances: PROCESSES,
  cluster: PROCESSES,
  concurrency: '--async-requests says how many requests an async worker works on at a time',
  reload: RELOAD,
  watch: RELOAD,
  open: OPEN,
  listen: '--bind, or --port and --host',
  address: '--bind, or --port and --host',
  hostname: '--host',
  socket: '--bind unix:PATH',
  log: '--access-log writes a line for each request, and --log-level says what else is told',
  'access-logfile': '--access-log-file',
  'access-logformat': '--access-log-format',
  'error-logfile': '--error-log-file',
  'capture-output': '--error-log-file has the output of workers, too',
  pid: '--pid-file',
  pidfile: '--pid-file',
  uid: '--user',
  gid: '--group',
  timeout: TIMEOUTS,
  'keep-alive': '--timeout-keep-alive',
  tls: TLS,
  https: TLS,
  ssl: TLS,
  cert: '--tls-cert',
  key: '--tls-key',
  inspect: 'it is a flag of Node: node --inspect node_modules/quaich/dist/src/cli/main.js, see docs/debugging.md',
};
