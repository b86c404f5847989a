// Debuggers attach to workers, and stop their applications at breakpoints; stack traces name lines of TypeScript.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'undici';
import { afterAll, expect, it } from 'vitest';
import { type Command, ended, get, ready, start } from './command.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-debugging-'));
afterAll(() => rmSync(directory, { recursive: true }));

writeFileSync(
  join(directory, 'site.mjs'),
  `export function app(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('stopped here')];
}
`,
);
// As a compiler writes them: the first line of site.js was made of the fifth of site.ts.
writeFileSync(
  join(directory, 'site.js'),
  `export const app = () => { throw new Error('mapped'); };\n//# sourceMappingURL=site.js.map\n`,
);
writeFileSync(
  join(directory, 'site.js.map'),
  JSON.stringify({ version: 3, sources: ['site.ts'], names: [], mappings: 'AAIA' }),
);
writeFileSync(join(directory, 'package.json'), '{"type":"module"}');

/** A message of the protocol of V8's inspector. */
interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
}

/** The debugger of a process, which speaks with each of its workers. */
class Debugger {
  readonly #socket: WebSocket;
  readonly #opened: Promise<unknown>;
  readonly #listeners = new Set<(session: string, message: Message) => void>();
  #sent = 0;

  constructor(url: string) {
    this.#socket = new WebSocket(url);
    this.#opened = new Promise((resolve) => this.#socket.addEventListener('open', resolve));
    this.#socket.addEventListener('message', ({ data }) => {
      const { method, params }: Message = JSON.parse(String(data));
      const session = String(params?.sessionId ?? '');
      if (method === 'NodeWorker.attachedToWorker') this.#tell(session, { method });
      else if (method === 'NodeWorker.receivedMessageFromWorker')
        this.#tell(session, JSON.parse(String(params?.message)));
    });
  }

  #tell(session: string, message: Message): void {
    for (const listener of this.#listeners) listener(session, message);
  }

  async attach(): Promise<void> {
    await this.#opened;
    this.#post({ method: 'NodeWorker.enable', params: { waitForDebuggerOnStart: false } });
  }

  /** Asks one of the workers. */
  ask(session: string, method: string, params: Record<string, unknown> = {}): void {
    const message = JSON.stringify({ id: ++this.#sent, method, params });
    this.#post({ method: 'NodeWorker.sendMessageToWorker', params: { sessionId: session, message } });
  }

  #post(message: Message): void {
    this.#socket.send(JSON.stringify({ id: ++this.#sent, ...message }));
  }

  /** The first message that is wanted, and who has sent it. */
  until(wanted: (message: Message, session: string) => boolean): Promise<[session: string, message: Message]> {
    return new Promise((resolve) => {
      const listener = (session: string, message: Message): void => {
        if (!wanted(message, session)) return;
        this.#listeners.delete(listener);
        resolve([session, message]);
      };
      this.#listeners.add(listener);
    });
  }

  close(): void {
    this.#socket.close();
  }
}

async function debuggerOf(command: Command): Promise<Debugger> {
  return new Debugger(/ws:\S+/.exec(command.stderr)?.[0] ?? '');
}

it('U-72 a debugger stops a worker at a line of its application', async () => {
  const flags = { cwd: directory, execArgv: ['--inspect=127.0.0.1:0'] };
  const command = start(['./site.mjs', '-p', '0', '--sync-workers', '1', '--timeout-response', '0'], flags);
  const [url] = await ready(command);
  const inspector = await debuggerOf(command);
  const attached = inspector.until(({ method }) => method === 'NodeWorker.attachedToWorker');
  await inspector.attach();
  const [worker] = await attached;
  const known = inspector.until(
    ({ method, params }) => method === 'Debugger.scriptParsed' && String(params?.url).endsWith('/site.mjs'),
  );
  inspector.ask(worker, 'Debugger.enable');
  await known;
  const paused = inspector.until(({ method }) => method === 'Debugger.paused');
  inspector.ask(worker, 'Debugger.setBreakpointByUrl', { lineNumber: 2, urlRegex: '.*/site\\.mjs$' });
  const answer = get(url);
  const [, { params }] = await paused;
  expect(JSON.stringify(params)).toContain('"functionName":"app"');
  inspector.ask(worker, 'Debugger.resume');
  expect((await answer).text).toBe('stopped here');
  inspector.close();
  command.child.kill('SIGTERM');
  expect(await command.code).toBe(0);
});

it('U-73 in development stack traces name the lines that were compiled', async () => {
  const command = start(['dev', './site.js', '-p', '0'], { cwd: directory });
  await ready(command, 0);
  for (;;) {
    const url = /http:\S+\d/.exec(command.stderr)?.[0];
    if (url !== undefined) {
      const { status, text } = await get(url.replace('localhost', '127.0.0.1'));
      expect([status, text]).toEqual([500, expect.stringContaining(`${join(directory, 'site.ts')}:5:`)]);
      break;
    }
    await new Promise((resolve) => command.child.stderr?.once('data', resolve));
  }
  command.child.kill('SIGTERM');
  expect((await ended(command)).code).toBe(0);
});
