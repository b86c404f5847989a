/** What a file of src exports, another file reads, or the package offers it. And one name means one thing. */
import { describe, expect, it } from 'vitest';
import { type Exceptions, FINE, judged } from './exceptions.ts';
import { filesOf, publicEntries, type Source, sourceOf } from './sources.ts';

const TO_GO = 'read by its own file alone, or by none: the word `export` or all of it is to go';
const TO_RENAME = 'one of the two is to get a first name';

const UNREAD: Exceptions = {
  'src/engine/error-page.ts: ErrorPage': TO_GO,
  'src/engine/file-wrapper.ts: DEFAULT_BLOCK_SIZE': TO_GO,
  'src/engine/index.ts: DONE': TO_GO,
  'src/engine/index.ts: END': TO_GO,
  'src/engine/index.ts: HEAD_HAS_DATE': TO_GO,
  'src/engine/index.ts: HEAD_HAS_LENGTH': TO_GO,
  'src/engine/index.ts: HEAD_HAS_SERVER': TO_GO,
  'src/engine/index.ts: HEAD_NO_BODY': TO_GO,
  'src/engine/index.ts: MORE': TO_GO,
  'src/engine/index.ts: createErrorStream': TO_GO,
  'src/engine/index.ts: openFile': TO_GO,
  'src/engine/index.ts: DEFAULT_CLOSE_TIMEOUT': TO_GO,
  'src/engine/index.ts: EngineCounters': TO_GO,
  'src/engine/index.ts: EngineOptions': TO_GO,
  'src/engine/index.ts: RunningRequest': TO_GO,
  'src/engine/input-buffer.ts: empty': TO_GO,
  'src/engine/response.ts: Action': TO_GO,
  'src/hosts/mount.ts: Refusal': TO_GO,
  'src/middleware/answers.ts: PlainAnswer': TO_GO,
  'src/middleware/cors.ts: OriginTest': TO_GO,
  'src/middleware/exchange/head-stage.ts: Decision': TO_GO,
  'src/middleware/head.ts: Represented': TO_GO,
  'src/middleware/lifespan.ts: hookOf': TO_GO,
  'src/middleware/preconditions.ts: Validators': TO_GO,
  'src/middleware/preconditions.ts: Outcome': TO_GO,
  'src/middleware/static/path.ts: RequestedPath': TO_GO,
  'src/pool/pool.ts: PoolEvents': TO_GO,
  'src/pool/pool.ts: PoolOptions': TO_GO,
  'src/pool/thread.ts: ThreadEvents': TO_GO,
  'src/pool/worker.ts: SOFTWARE': TO_GO,
  'src/pool/worker.ts: EnvironKind': TO_GO,
  'src/protocols/fastcgi/records.ts: END_REQUEST': TO_GO,
  'src/protocols/fastcgi/records.ts: UNKNOWN_TYPE': TO_GO,
  'src/protocols/http/parser.ts: DEFAULT_LIMITS': TO_GO,
  'src/protocols/http/parser.ts: Rule': TO_GO,
  'src/protocols/http/parser.ts: ParserBuild': TO_GO,
  'src/protocols/http/parser.ts: ParserOptions': TO_GO,
  'src/protocols/http/parser.ts: defaultBuild': TO_GO,
  'src/protocols/scgi/connection.ts: readHeaders': TO_GO,
  'src/rings/index.ts: CANCEL_ABORTED': TO_GO,
  'src/rings/index.ts: CANCEL_DISCONNECTED': TO_GO,
  'src/rings/layout.ts: MAX_SLOTS': TO_GO,
  'src/rules/head-parts.ts: HeadParts': TO_GO,
  'src/server/access-log.ts: AccessLogFormat': TO_GO,
  'src/server/bind.ts: ListenSettings': TO_GO,
  'src/server/gateway.ts: GatewayOptions': TO_GO,
  'src/server/mounts.ts: normalizePrefix': TO_GO,
  'src/server/options.ts: Setting': TO_GO,
  'src/server/options.ts: Settings': TO_GO,
  'src/server/options.ts: ResolvedApp': TO_GO,
  'src/server/pooled.ts: PooledContext': TO_GO,
  'src/server/report.ts: Level': TO_GO,
  'src/server/workers.ts: WorkersOptions': TO_GO,
  'src/shim/async-caller.ts: CallEvents': TO_GO,
  'src/shim/here.ts: passHooks': TO_GO,
  'src/shim/link.ts: Message': TO_GO,
  'src/shim/loop-thread.ts: LoopThreadOptions': TO_GO,
  'src/shim/threads.ts: ThreadEvents': TO_GO,
  'src/shim/wire.ts: WireFlags': TO_GO,
  'src/testing/client.ts: PreparedBody': TO_GO,
  'src/testing/transports.ts: OnChunk': TO_GO,
};

const SHARED_NAMES: Exceptions = {
  'FetchHandler: src/adapters/fetch-handler.ts src/hosts/fetch/handler.ts':
    'public names of two entries: an application from a handler, a handler from an application',
  'FetchHandlerOptions: src/adapters/fetch-handler.ts src/hosts/fetch/handler.ts': 'as FetchHandler',
  'NodeListenerOptions: src/adapters/node-listener.ts src/hosts/node-http/listener.ts':
    'public names of two entries, as FetchHandler',
  'RequestBody: src/adapters/request-body.ts src/protocols/request-body.ts': TO_RENAME,
  'errorPage: src/engine/error-page.ts src/middleware/error-page.ts': TO_RENAME,
  'FileWrapper: src/engine/file-wrapper.ts src/interface/types.ts':
    'the class, and the type of `wsgi.file_wrapper`, which makes one',
  'AsyncFileWrapper: src/engine/file-wrapper.ts src/interface/types.ts': 'as FileWrapper',
  'isFileWrapper: src/engine/file-wrapper.ts src/validate/file-wrapper.ts': TO_RENAME,
  'checkHead: src/engine/response-head.ts src/middleware/head.ts src/validate/head.ts': TO_RENAME,
  'targetOf: src/hosts/node-http/target.ts src/validate/link.ts': TO_RENAME,
  'refusePromise: src/middleware/decision.ts src/rules/body.ts': TO_RENAME,
  'isAsync: src/middleware/define.ts src/toolbox/request-body.ts': TO_RENAME,
  'Exchange: src/middleware/exchange/exchange.ts src/protocols/exchange.ts src/validate/exchange.ts': TO_RENAME,
  'isPlainArray: src/middleware/exchange/inner-body.ts src/rules/body.ts src/validate/array-body.ts': TO_RENAME,
  'chunkOf: src/middleware/exchange/inner-body.ts src/rules/body.ts': TO_RENAME,
  'Part: src/middleware/static/file.ts src/toolbox/multipart.ts': TO_RENAME,
  'Steps: src/middleware/static/steps.ts src/validate/steps.ts': TO_RENAME,
  'ThreadOptions: src/pool/thread.ts src/shim/target.ts': TO_RENAME,
  'ThreadEvents: src/pool/thread.ts src/shim/threads.ts': TO_RENAME,
  'SharedMemory: src/protocols/http/webassembly.ts src/rings/layout.ts': TO_RENAME,
  'AsyncRequest: src/rings/async-worker-end.ts src/testing/async-client.ts': TO_RENAME,
  'ring: src/rings/doorbell.ts src/shim/link.ts': TO_RENAME,
  'SyncRequest: src/rings/sync-worker-end.ts src/testing/sync-client.ts': TO_RENAME,
  'hasMethod: src/rules/body.ts src/validate/values.ts': TO_RENAME,
  'disregard: src/rules/promises.ts src/validate/values.ts': TO_RENAME,
  'nothing: src/rules/promises.ts src/validate/values.ts': TO_RENAME,
  'shown: src/rules/show.ts src/validate/values.ts': TO_RENAME,
  'Settings: src/server/options.ts src/validate/settings.ts': TO_RENAME,
};

/** `file: name` of each export that no other file reads. All names of a public file count as read. */
function unread(all: readonly Source[], entries: readonly string[]): string[] {
  const files = new Map(all.map((source) => [source.file, source]));
  const used = new Set<string>();
  /** Follows a name to where it is declared. */
  const use = (file: string, name: string): boolean => {
    const source = files.get(file);
    if (source === undefined) return false;
    const own = source.exports.find((other) => other.name === name);
    if (own === undefined)
      return source.exports.some((other) => other.name === '*' && other.from !== undefined && use(other.from, name));
    if (used.has(`${file}: ${name}`)) return true;
    used.add(`${file}: ${name}`);
    if (own.from !== undefined) use(own.from, own.original ?? name);
    return true;
  };
  const namesOf = (file: string): string[] =>
    (files.get(file)?.exports ?? []).flatMap(({ name, from }) => (name === '*' && from ? namesOf(from) : [name]));
  for (const entry of entries) for (const name of namesOf(entry)) use(entry, name);
  for (const { file, text, imports, exports } of all) {
    const passed = new Set(exports.map(({ from, original }) => `${from}: ${original}`));
    for (const { from, name } of imports) {
      // What an index passes on is read when somebody reads it there.
      if (from === file || passed.has(`${from}: ${name}`)) continue;
      if (name !== '*') use(from, name);
      else for (const one of namesOf(from)) if (new RegExp(`\\b${one}\\b`).test(text)) use(from, one);
    }
  }
  return all
    .filter(({ file }) => file.startsWith('src/'))
    .flatMap(({ file, exports }) => exports.filter(({ name }) => name !== '*').map(({ name }) => `${file}: ${name}`))
    .filter((one) => !used.has(one));
}

const TYPES = new Set(['class', 'interface', 'type', 'function']);

/** `name: files` of each class, interface, type or function that two files or more export under one name. */
function sharedNames(all: readonly Source[]): string[] {
  const places = new Map<string, Set<string>>();
  for (const { file, exports } of all)
    for (const { name, kind } of exports) {
      if (TYPES.has(kind)) places.set(name, (places.get(name) ?? new Set()).add(file));
    }
  return [...places].filter(([, files]) => files.size > 1).map(([name, files]) => `${name}: ${[...files].join(' ')}`);
}

const sources = filesOf(['src'], /\.ts$/).map((file) => sourceOf(file));
const readers = filesOf(['workers', 'test', 'bench', 'scripts', 'examples'], /\.(?:ts|mjs|js)$/).map((file) =>
  sourceOf(file),
);

describe('the exports of the sources', () => {
  it('are found where nobody reads them, also behind an index', () => {
    const all = [
      sourceOf('src/a.ts', 'export class A {}\nexport const B = 1;\nexport type C = A;\nexport default B;\n'),
      sourceOf('src/b.ts', "export { A, B } from './a.ts';\nexport * from './c.ts';\nexport interface D {}\n"),
      sourceOf('src/c.ts', 'export function e() {}\nexport const f = () => 0;\nexport enum G {}\n'),
      sourceOf('test/d.ts', "import { B, e } from '../src/b.ts';\nconst { G } = await import('../dist/src/c.js');\n"),
    ];
    const unreadThere = [
      'src/a.ts: A',
      'src/a.ts: C',
      'src/a.ts: default',
      'src/b.ts: A',
      'src/b.ts: D',
      'src/c.ts: f',
    ];
    expect(unread(all, [])).toEqual(unreadThere);
    expect(unread(all, ['src/b.ts'])).toEqual(['src/a.ts: C', 'src/a.ts: default']);
  });

  it('have a reader', () => {
    expect(readers.length).toBeGreaterThan(200);
    const entries = [...publicEntries(), ...filesOf(['workers'], /\.ts$/)];
    expect(judged(unread([...sources, ...readers], entries), UNREAD)).toEqual(FINE);
  });

  it('are found where two files share a name', () => {
    const all = ['export class A {}', "export { A } from './0.ts';\nexport interface B {}", 'export type B = 1;'];
    expect(sharedNames(all.map((text, index) => sourceOf(`${index}.ts`, text)))).toEqual(['B: 1.ts 2.ts']);
  });

  it('have a name each', () => {
    expect(judged(sharedNames(sources), SHARED_NAMES)).toEqual(FINE);
  });
});
