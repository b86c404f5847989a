/**
 * What a request makes has to die young. As long as its code is not optimised, V8 (of Node 20 to 26) makes a function
 * that is written where it is assigned to a property, and an accessor of an object literal, among old objects. All that
 * such a function can reach, mostly the whole request, is then copied and kept until a full collection; and where V8
 * sees that objects last, it makes more of their kind among old ones, for good. A function that is held by a name first
 * is made as all else.
 */
import { type Node, parseSync, Visitor } from 'oxc-parser';
import { describe, expect, it } from 'vitest';
import { type Exceptions, FINE, judged } from './exceptions.ts';
import { filesOf, read } from './sources.ts';

/** What is made once: for a process, a thread, an interpreter, or an application. */
const ONCE: Exceptions = {
  'src/cli/serving.ts this.close': 'a process',
  'src/hosts/cgi/run-cgi.ts response.onDisconnect': 'a process',
  'src/pool/async-worker.ts end.takesFile': 'a thread',
  'src/pool/listen-calls.ts cluster.fork': 'a thread',
  'src/pool/open-files.ts fs.closeSync': 'a thread',
  'src/pool/open-files.ts fs.openSync': 'a thread',
  'src/pool/output.ts stream._write': 'a thread',
  'src/pool/pool.ts this.#cut': 'a process',
  'src/pool/sync-worker.ts end.takesFile': 'a thread',
  'src/python/interpreter.ts settings.instantiateWasm': 'an interpreter',
  'src/python/interpreter.ts wasm.instantiate': 'an interpreter',
  'src/python/runner.ts 0': 'an interpreter',
  'src/python/system-calls.ts NODEFS.node_ops.mknod': 'an interpreter',
  'src/python/system-calls.ts NODEFS.node_ops.rename': 'an interpreter',
  'src/python/system-calls.ts NODEFS.stream_ops.close': 'an interpreter',
  'src/python/system-calls.ts NODEFS.stream_ops.fsync': 'an interpreter',
  'src/python/system-calls.ts files.mayCreate': 'an interpreter',
  'src/python/system-calls.ts files.open': 'an interpreter',
  'src/python/system-calls.ts files.rename': 'an interpreter',
  'src/server/gateway.ts this.onEmpty': 'a process',
  'src/server/log/error-log.ts this.report': 'a process',
  'src/server/processes/serving-process.ts child.send': 'a process',
  'src/server/server.ts this.endDrain': 'a process',
  'src/server/standard-streams.ts stream.write': 'a process',
  'src/shim/async-to-sync.ts bridged.shutdown': 'an application',
  'src/shim/async-to-sync.ts bridged.startup': 'an application',
  'src/shim/here.ts bridged.shutdown': 'an application',
  'src/shim/here.ts bridged.startup': 'an application',
  'src/shim/sync-to-async.ts bridged.shutdown': 'an application',
  'src/shim/sync-to-async.ts bridged.startup': 'an application',
  'src/shim/threads/target.ts this.report': 'a thread',
};

/** A file with the properties that get such a function. */
function madeOld(file: string, text: string): string[] {
  const found: string[] = [];
  const note = ({ start, end }: Node): number => found.push(`${file} ${text.slice(start, end)}`);
  new Visitor({
    AssignmentExpression({ left, right }) {
      let value = right;
      while ('expression' in value && typeof value.expression === 'object') value = value.expression;
      const isFunction = value.type === 'ArrowFunctionExpression' || value.type === 'FunctionExpression';
      if (isFunction && left.type === 'MemberExpression') note(left);
    },
    Property({ kind, key }) {
      if (kind !== 'init') note(key);
    },
  }).visit(parseSync(file, text).program);
  return found;
}

describe('what is made for a request', () => {
  it('is found where it is made among old objects', () => {
    const text = `
      a.b = () => 1; a[c] = function () {}; a.d ??= async () => 1; a.e = ((() => 1) as Call);
      const object = { get f() { return 1; }, set g(value) {}, h: () => 1, i() {} };
      const j = () => 1; a.k = j; let l; l = () => 1; a.m(() => 1);
      class N { o = () => 1; get p() { return 1; } }`;
    const names = ['a.b', 'a[c]', 'a.d', 'a.e', 'f', 'g'];
    expect(madeOld('x.ts', text)).toEqual(names.map((name) => `x.ts ${name}`));
  });

  it('is made nowhere among old objects', () => {
    const files = filesOf(['src', 'workers'], /\.ts$/);
    expect(files.length).toBeGreaterThan(100);
    expect(
      judged(
        files.flatMap((file) => madeOld(file, read(file))),
        ONCE,
      ),
    ).toEqual(FINE);
  });
});
