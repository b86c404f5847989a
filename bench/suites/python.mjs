// Python applications: on the servers of Python, and on Quaich by Pyodide.
import { HTTP_METRICS, startHttp } from '../../dist/src/bench/http-case.js';
import { MIB } from '../apps/content.mjs';
import { environment, needs, pythonRequests, versionOfPackage } from '../apps/python/content.mjs';

const { hello, table, count, upload, form, burn } = pythonRequests;

/** Rounds that CPython takes about 3 ms for. */
const ROUNDS = 7000;

const all = [
  { name: 'small GET', application: 'hello', request: hello, connections: 64, quick: true },
  { name: 'Bottle: small GET', application: 'bottle_site', request: hello },
  { name: 'Flask: small GET', application: 'flask_site', request: hello, quick: true },
  { name: 'Django: small GET, three middlewares', application: 'django_site', request: hello },
  { name: 'Django: a count by the ORM, SQLite', application: 'django_site', request: count },
  { name: 'Flask: a table of 2,000 cells by Jinja', application: 'flask_site', request: table(200) },
  { name: 'upload of 1 MiB', application: 'hello', request: upload(MIB), connections: 4 },
  { name: 'Flask: upload of 1 MiB as a form, hashed', application: 'flask_site', request: form(MIB), connections: 4 },
  { name: 'computing', application: 'hello', request: burn(ROUNDS) },
].map((one) => ({ connections: 16, ...one }));

const start = (peer, generate, application) =>
  startHttp({ ...peer, env: { ...peer.env, ...environment(application) } }, generate);

/** @param {import('../context.mjs').Context} context */
export function suite({ servers, versions, leftOut, generator }) {
  const cases = all.filter(({ application }) => isInstalled(needs[application], versions, leftOut));
  const except = (kept, reason) =>
    Object.fromEntries(cases.filter(({ name }) => !kept.includes(name)).map(({ name }) => [name, reason]));
  const closing = generator.startsWith('wrk')
    ? {}
    : except([], 'it closes each connection, which autocannon takes for an error');
  const two = except(['small GET', 'computing'], 'two workers are measured where they compute, and where they do not');
  return {
    name: 'python',
    title: 'Python applications, on their own servers and on ours',
    metrics: HTTP_METRICS,
    base: 'gunicorn, sync',
    candidates: servers(
      {
        'gunicorn, sync': closing,
        'gunicorn, gthread': {},
        uWSGI: {},
        'quaich, Python': {},
        'gunicorn, 2 sync': { ...two, ...closing },
        'quaich, Python, 2 workers': two,
      },
      start,
    ),
    cases,
  };
}

/** Whether a package is there; if so its version is noted, else that it is left out. */
function isInstalled(name, versions, leftOut) {
  if (name === undefined) return true;
  try {
    versions.set(name, versionOfPackage(name));
    return true;
  } catch (error) {
    leftOut.set(name, error.message);
    return false;
  }
}
