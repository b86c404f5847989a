/**
 * What the command and systemd tell each other. Sockets are inherited. The words of the service go to a datagram socket
 * of the Unix family, which Node cannot open: systemd's own program `systemd-notify` sends them, so a unit needs
 * `NotifyAccess=all`. An addon could send them itself, but would have to be compiled where the server is installed.
 */

/** The first descriptor that systemd hands over (sd_listen_fds(3)). */
const FIRST_DESCRIPTOR = 3;
/** Milliseconds for one message. */
const SEND_LIMIT = 5000;

/** Variables of the process. */
type Variables = Readonly<Record<string, string | undefined>>;

/** How far the service has come. */
export type ServiceState = 'ready' | 'reloading' | 'stopping';

/** Addresses of the sockets that systemd hands over to the process with this id. */
export function inheritedSockets(env: Variables, pid: number): string[] {
  const { LISTEN_PID = '', LISTEN_FDS = '' } = env;
  if (LISTEN_PID !== String(pid) || !/^\d{1,3}$/.test(LISTEN_FDS)) return [];
  return Array.from({ length: Number(LISTEN_FDS) }, (_, index) => `fd://${FIRST_DESCRIPTOR + index}`);
}

/**
 * Makes what tells systemd how far the service has come, and from then on that its main thread turns, where the unit
 * has `WatchdogSec=`. Without systemd it does nothing.
 *
 * @param warn is told, once, that systemd cannot be told
 */
export function serviceNotifier(
  env: Variables,
  pid: number,
  warn: (text: string) => void,
): (state: ServiceState) => void {
  if (!env.NOTIFY_SOCKET) return () => {};
  const { execFile } = process.getBuiltinModule('node:child_process');
  let failed = false;
  /** Fulfils when all messages are sent: one that says less must not overtake. */
  let sent = Promise.resolve();
  const send = (...fields: string[]): void => {
    // Ends: with the program, by its limit.
    const one = () =>
      new Promise<void>((resolve) => {
        execFile('systemd-notify', [`--pid=${pid}`, ...fields], { timeout: SEND_LIMIT }, (error) => {
          if (error !== null && !failed) warn(`cannot tell systemd: ${error.message.trim()}`);
          failed ||= error !== null;
          resolve();
        });
      });
    sent = sent.then(one);
  };
  const watchdog = watchdogPeriod(env, pid);
  if (watchdog > 0) setInterval(() => send('WATCHDOG=1'), watchdog).unref();
  return (state) => {
    if (state === 'ready') send('READY=1');
    else if (state === 'stopping') send('STOPPING=1');
    // Which reload is meant, by the clock of the machine (Type=notify-reload).
    else send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  };
}

/** Milliseconds from one sign of life to the next, of which systemd wants two in its time; 0: it wants none. */
function watchdogPeriod({ WATCHDOG_USEC = '', WATCHDOG_PID = '' }: Variables, pid: number): number {
  if (WATCHDOG_PID !== '' && WATCHDOG_PID !== String(pid)) return 0;
  return /^\d{1,12}$/.test(WATCHDOG_USEC) ? Number(WATCHDOG_USEC) / 2000 : 0;
}
