// Each repair of Python has a test that fails without it: `node test/long/repairs.mjs [WORD]`, with the package
// `pyodide`. One repair after the other (those whose row has the word) is taken out of a copy of the sources, and there
// the test that is named has to fail.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { row, seconds } from './running.mjs';

/** By file of src/python: the test that fails, what is taken out, and what stands there then. */
const REPAIRS = {
  'repairs.py': [
    ['threads say that there are none', '_thread.start_new_thread = '],
    ['threads say that there are none', '_thread.start_joinable_thread = '],
    ['threads say that there are none', 'threading._start_joinable_thread = '],
    ['processes say so', 'os.system = no_process'],
    ['connections say so', 'socket.socket.connect = no_connection'],
    ['connections say so', 'socket.socket.connect_ex = lambda _, address: errno.ENETUNREACH'],
    ['connections say so', 'socket.socket.listen = '],
    ['connections say so', 'socket.socket.sendto = '],
    ['connections say so', 'socket.socket.sendmsg = '],
    ['locked for all other interpreters', 'fcntl.flock = lambda file, operation: fcntl.lockf(file, operation)'],
    ['time.sleep does not use the processor', 'time.sleep = sleep'],
    ['time.sleep has no negative length', 'if seconds < 0:', 'if False:'],
    ['interrupted where it has slept', 'min(left, 0.05)', 'left'],
    [
      'interrupted where it has computed',
      'signal.signal(signal.SIGINT, functools.partial(signal.default_int_handler))',
    ],
    ['hashes of OpenSSL are there', 'hashlib.pbkdf2_hmac = pbkdf2_hmac'],
    ['hashes of OpenSSL are there', 'hashlib.scrypt = scrypt'],
    ['hashes that cannot be made', 'except JsException', 'except ZeroDivisionError'],
    ['asyncio.sleep does not use the processor', '            time.sleep(timeout)', '            pass'],
    ['asyncio.run works', "raise RuntimeError('this event loop", "('this event loop"],
    ['asyncio.run works', '    def _process_events(self, _):\n        pass\n'],
    ['asyncio.run works', '    def _write_to_self(self):\n        pass\n'],
    ['asyncio.run works', 'events._set_event_loop_policy(Policy())'],
    ['keeps what it compiles', 'zipimport._compile_source = compile_once'],
    ['has what most applications import', '    __import__(name)', '    pass'],
    ['names of its own', '    host.__dict__.clear()', '    pass'],
  ],
  'runner.py': [
    ['the process has its number', 'os.environ.clear()'],
    [
      'the process has its number',
      "os.environ.update(settings['environ'])",
      "os.environ['FOLDER'] = settings['environ']['FOLDER']",
    ],
    ['the process has its number', "os.chdir(settings['directory'])"],
    ['the process has its number', "os.getpid = lambda: settings['pid']"],
    ['the process has its number', 'sys.path[:] = [path for path in sys.path if path]'],
    ['keeps the code of applications', "sys.pycache_prefix = settings['pycache']"],
    ['keeps the code of applications', "sys.dont_write_bytecode = settings['pycache'] is None"],
    ['keeps what it compiles', "_quaich_repairs.library = settings['library']"],
    ['leads to modules of the path', "sys.path[:0] = [path for path in settings['path'] if path not in sys.path]"],
    ['leads to modules of the path', 'site.addsitedir(folder)', 'pass'],
    ['asyncio.run works', 'asyncio._set_running_loop(None)'],
    ['has random numbers of its own', 'random.seed()'],
    ['names of its own', 'tempfile._name_sequence = None', 'pass'],
  ],
  'system-calls.ts': [
    ['is not made where __syscall_fcntl64', 'throw new Error(`this version of Pyodide', 'console.log(`this version'],
    ...[
      ['locked for all other interpreters', '__syscall_fcntl64'],
      ['are not mapped to be shared', '_mmap_js'],
    ].map(([test, name]) => [test, '    calls[name] =', `    if (name !== '${name}') calls[name] =`]),
    // Not all there is: that would be 4 GiB.
    ['has no more memory than it may have', 'size >>> 0 > memory', 'size >>> 0 > 4 * memory'],
    ['are not mapped to be shared', " || path.endsWith('-shm')"],
    ['are not mapped to be shared', '(protection & PROT_WRITE) !== 0 || '],
    ['are not mapped to be shared', ' && (flags & MAP_SHARED) !== 0'],
    ['are written to the disk', 'if (nfd !== undefined) NODEFS.tryFSOperation(() => fsyncSync(nfd));'],
    ['are written to the disk', 'if (stream.nfd !== undefined) fdatasyncSync(stream.nfd);'],
    ['tell of a disk that fails', 'return -EIO', 'return 0'],
    ['locked for all other interpreters', 'if (stream.nfd !== undefined) locks.closed(stream.nfd);'],
    ['that somebody has removed', 'files.mayCreate =', 'const unused ='],
    ['locked by ranges', 'whence === SEEK_CUR ? position : '],
    ['locked by ranges', 'whence === SEEK_END ? fstatSync(descriptor).size : 0', '0'],
    ['locked by ranges', 'if (length < 0) return { start: from + length, end: from };'],
    ['locked by ranges', 'length === 0 ? Number.POSITIVE_INFINITY : '],
    ['locked by ranges', 'if (range.start < 0) return -EINVAL;'],
    ['locked by ranges', 'if (command !== F_GETLK) this.#locks.unlock(file, range);'],
    ['locked by ranges', 'return this.#tell(flock, file, kind, range);', 'return 0;'],
    ['locked by ranges', 'found.kind === EXCLUSIVE ? F_WRLCK : F_RDLCK', 'F_WRLCK'],
    ['locked by ranges', 'flock.setInt16(WHENCE, 0, true);'],
    ['locked by ranges', 'flock.setBigInt64(START, BigInt(found.start), true);'],
    ['locked by ranges', 'Number.isFinite(found.end) ? BigInt(found.end - found.start) : 0n', '1n'],
    ['are waited for', 'if (command === F_SETLK) return -EAGAIN;', 'return -EAGAIN;'],
    ['are waited for', 'if (isGivenUp()) return -EINTR;'],
    ['there is no room for it', "if (outcome === 'full') return -ENOLCK;"],
  ],
  'file-locks.ts': [
    ['looked at by one thread at a time', 'if (holder === 0) break;', 'break;'],
    ['hold as POSIX says', 'this.#clear(file, range);\n      this.#add', 'this.#add'],
    ['hold as POSIX says', 'if (held.start < start)', 'if (false)'],
    ['hold as POSIX says', 'if (held.end > end)', 'if (false)'],
    ['hold as POSIX says', 'kind === EXCLUSIVE || '],
    ['hold as POSIX says', ' || this.#words[place + KIND] === EXCLUSIVE'],
    ['hold as POSIX says', 'isSame && '],
    ['are refused where the table is full', "return 'full';", "return 'conflict';"],
    ['end with the descriptor', ' && this.#words[place + DESCRIPTOR] === descriptor'],
    ['end with the descriptor', 'this.#words[place + OWNER] === this.owner && '],
    ['end with their thread', 'if (words[at(entry) + THREAD] === thread)', 'if (false)'],
    ['end with their thread', 'Atomics.compareExchange(words, MUTEX, thread + 1, mine) === thread + 1', 'false'],
    ['end with their thread', 'if (!wasHeld && Atomics.compareExchange(words, MUTEX, 0, mine) !== 0) return false;'],
    ['locked for all other interpreters', 'Atomics.add(this.#words, OWNERS, 1) + 1', 'thread'],
  ],
  'interpreter.ts': [
    ['print is out', 'python.setStdout(output(1));'],
    ['print is out', 'python.setStderr(output(2));'],
    [
      'names of its own',
      'if (snapshot !== null && module.HEAPU8.length < snapshot.size) module.growMemory(snapshot.size);',
    ],
    ['its program is compiled once', 'useProgram(program);'],
  ],
  'own-functions.ts': [
    [
      'time.sleep does not use',
      'Atomics.wait(pause, 0, 0, seconds * 1000);',
      'for (const end = Date.now() + seconds * 1000; Date.now() < end; );',
    ],
    ['hashes that cannot be made', 'most || 2 ** 25', 'most || 2 ** 30'],
  ],
};

const word = process.argv[2] ?? '';
const root = fileURLToPath(new URL('../../', import.meta.url));
mkdirSync(join(root, 'build'), { recursive: true });
// Below the project, where its packages are found.
const copy = mkdtempSync(join(root, 'build', 'repairs-'));
process.once('exit', () => rmSync(copy, { recursive: true }));
for (const part of ['package.json', 'tsconfig.json', 'vitest.config.ts', 'assembly', 'src', 'test/python'])
  cpSync(join(root, part), join(copy, part), { recursive: true });

/** The files of tests, the one with most of them last, with their texts. */
const files = ['file-locks', 'loading', 'repairs'].map((name) => `test/python/${name}.test.ts`);
const texts = files.map((file) => readFileSync(join(copy, file), 'utf8'));

/** How the tests with these words in their titles come out. */
function outcomes(words) {
  const results = join(copy, 'results.json');
  const file = files.find((_, index) => texts[index].includes(words)) ?? files.at(-1);
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', copy, '--project', 'alone', file];
  spawnSync(process.execPath, [...vitest, '-t', words, '--reporter=json', '--outputFile', results], { cwd: copy });
  const { testResults } = JSON.parse(readFileSync(results, 'utf8'));
  rmSync(results);
  const ran = testResults.flatMap(({ assertionResults }) => assertionResults);
  return ran.map(({ status }) => status).filter((status) => status === 'passed' || status === 'failed');
}

for (const [file, repairs] of Object.entries(REPAIRS)) {
  const path = join(copy, 'src/python', file);
  const text = readFileSync(path, 'utf8');
  for (const [test, taken, other = ''] of repairs) {
    if (![file, test, taken].some((part) => part.includes(word))) continue;
    const begun = performance.now();
    const [before, ...after] = text.split(taken);
    writeFileSync(path, [before, ...after].join(other));
    const isNoticed = after.length === 1 && outcomes(test).includes('failed');
    writeFileSync(path, text);
    const outcome = isNoticed ? 'fails' : after.length === 1 ? 'DOES NOT FAIL' : `is there ${after.length} times`;
    const change = [taken, other]
      .filter((code) => code !== '')
      .map((code) => `\`${code.trim().replace(/\s+/g, ' ')}\``);
    row(`${file}: ${change.join(' becomes ')}`, `"${test}" ${outcome}`, `${seconds(begun)} s`);
    if (!isNoticed) process.exitCode = 1;
  }
}
