/** The atoms of templates: what each asks for, and how it is made of a record. */
import type { SoughtField } from '../../environ/head-record.ts';
import { type ConnectionInfo, variableOf } from '../../environ/variables.ts';
import { FIELD_NAMES } from '../../protocols/http/wasm/tables.ts';
import { splitAuthority, TOKEN } from '../../rules/grammar.ts';
import { percentDecode } from '../../rules/native-strings.ts';
import { type AccessRecord, type Facts, millisecondsText } from './record.ts';
import { timeFormat } from './time-format.ts';

type Value = string | number;

/** What stands in the place of an atom. */
export interface LinePart {
  /** What it shows of a record. */
  of(record: AccessRecord): Value;
  /** That as text, which is made anew only where it is another than in the line before. */
  show(value: Value): string;
}

/** Where an atom stands. */
interface Place {
  /** Makes text from outside harmless there: within quotes, or as a word. */
  readonly harmless: (text: string) => string;
  /** It begins a word, which must not be empty. */
  readonly beginsWord: boolean;
  readonly needs: Needs;
}

/** Makes the part for a place; null for an argument that it does not take. `''` stands for none. */
type Atom = (place: Place, argument: string) => LinePart | null;

type Atoms = Readonly<Record<string, Atom>>;

/** Collects what the atoms of a template ask for. */
export class Needs implements Facts {
  readonly fields: SoughtField[] = [];
  responseHead = false;
  worker = false;

  /** The place of a field in `AccessRecord.fields`. */
  field(sought: SoughtField): number {
    const { name, variable } = sought;
    const known = this.fields.findIndex((field) => field.name === name && field.variable === variable);
    return known < 0 ? this.fields.push(sought) - 1 : known;
  }
}

/** A field of a request by its name, or the variable of that field where a front server sends variables. */
export function soughtField(name: string): SoughtField {
  const lower = name.toLowerCase();
  return { number: Math.max(0, FIELD_NAMES.indexOf(lower)), name: lower, variable: variableOf(lower) };
}

/** An atom without an argument. */
function bare(make: (place: Place) => LinePart | null): Atom {
  return (place, argument) => (argument === '' ? make(place) : null);
}

function shown<T extends Value>(of: (record: AccessRecord) => T, show: (value: T) => string = String): LinePart {
  // Only ever given what it made itself.
  return { of, show: show as (value: Value) => string };
}

/** Text from outside. */
function text(of: (record: AccessRecord) => string): Atom {
  return bare(({ harmless }) => shown(of, harmless));
}

/** What is harmless anywhere: figures, and words of our own. */
function plain(of: (record: AccessRecord) => Value): Atom {
  return bare(() => shown(of));
}

function byArgument(atoms: Atoms): Atom {
  return (place, argument) => (Object.hasOwn(atoms, argument) ? atoms[argument](place, '') : null);
}

const requestLine = bare(({ harmless }) => {
  let [last, line]: [Partial<AccessRecord>, string] = [{}, ''];
  return shown(({ method, target, protocol }) => {
    if (target !== last.target || method !== last.method || protocol !== last.protocol) {
      last = { method, target, protocol };
      line = `${harmless(method)} ${harmless(target)} ${harmless(protocol)}`;
    }
    return line;
  });
});

/** `mark` stands before a query, which may be empty. */
function query(mark: string): Atom {
  return bare(({ harmless, beginsWord }) => {
    const none = beginsWord ? '-' : '';
    return shown(
      ({ target }) => target,
      (target) => {
        const at = target.indexOf('?');
        const found = at < 0 ? '' : mark + target.slice(at + 1);
        return found === '' ? none : harmless(found);
      },
    );
  });
}

/** The path of a target, decoded. */
function pathOf(target: string): string {
  const [address] = target.split('?', 1);
  const scheme = address.startsWith('/') ? -1 : address.indexOf('://');
  if (scheme < 0) return percentDecode(address);
  const slash = address.indexOf('/', scheme + 3);
  return slash < 0 ? '/' : percentDecode(address.slice(slash));
}

/** The words of a format are the owner's, as those of the template are. */
function time(usual: 'begin' | 'end'): Atom {
  return (_, argument) => {
    const [, which = usual] = /^(begin|end):/.exec(argument) ?? [];
    const format = argument.replace(/^(?:begin|end):/, '');
    const show = format.includes('"') ? null : timeFormat(format);
    if (show === null) return null;
    return shown(which === 'end' ? (record) => show(record.time) : (record) => show(record.time - record.durationMs));
  };
}

const requestField: Atom = ({ harmless, needs }, name) => {
  if (!TOKEN.test(name)) return null;
  const at = needs.field(soughtField(name));
  return shown(({ fields }) => fields[at] ?? '', harmless);
};

const responseField: Atom = ({ harmless, needs }, name) => {
  if (!TOKEN.test(name)) return null;
  needs.responseHead = true;
  const lower = name.toLowerCase();
  return shown(
    ({ responseHead }) => responseHead,
    (head) => harmless(valuesIn(head, lower)),
  );
};

/** The values of a field in a head that was sent, separated by commas. Its first line is no field. */
function valuesIn(head: string, name: string): string {
  let values = '';
  for (let at = head.indexOf('\r\n') + 2; at < head.length; ) {
    const end = head.indexOf('\r\n', at);
    const colon = at + name.length;
    if (head[colon] === ':' && head.slice(at, colon).toLowerCase() === name) {
      values += `${values && ', '}${head.slice(colon + 1, end).trim()}`;
    }
    at = end + 2;
  }
  return values;
}

/** The middleware requestId sends it; else what the request came with. */
const requestId = bare(({ harmless, needs }) => {
  needs.responseHead = true;
  const at = needs.field(soughtField('X-Request-Id'));
  return shown(({ responseHead, fields }) => valuesIn(responseHead, 'x-request-id') || (fields[at] ?? ''), harmless);
});

/** A CGI variable: from a front server that sends such, else from what is known of the connection. */
function variable(name: string, otherwise: (connection: ConnectionInfo) => string): Atom {
  return bare(({ harmless, needs }) => {
    const at = needs.field({ number: 0, name: '', variable: name });
    return shown(({ fields, connection }) => fields[at] || otherwise(connection), harmless);
  });
}

const anyVariable: Atom = (place, name) =>
  /^[A-Z][A-Z0-9_]*$/.test(name) ? variable(name, ({ tls }) => tls?.[name] ?? '')(place, '') : null;

/** The host that the client has asked for. */
const requestedHost = bare(({ harmless, needs }) => {
  const at = needs.field(soughtField('Host'));
  return shown(({ fields, connection }) => splitAuthority(fields[at] ?? '')[0] || connection.serverName, harmless);
});

/** The name in credentials of the scheme Basic, which nobody has checked. */
const basicName = bare(({ harmless, needs }) => {
  const at = needs.field(soughtField('Authorization'));
  return shown(
    ({ fields }) => fields[at] ?? '',
    (field) => {
      const credentials = /^basic ([\w+/=]+)$/i.exec(field)?.[1];
      if (credentials === undefined) return harmless('');
      return harmless(Buffer.from(credentials, 'base64').toString('latin1').split(':', 1)[0]);
    },
  );
});

/** What is noted of the worker that has a request. */
function ofWorker(make: (place: Place) => LinePart): Atom {
  return bare((place) => {
    place.needs.worker = true;
    return make(place);
  });
}

const seconds = plain(({ durationMs }) => Math.floor(durationMs / 1000));
const wholeMilliseconds = plain(({ durationMs }) => Math.floor(durationMs));
const microseconds = plain(({ durationMs }) => Math.floor(durationMs * 1000));
const serverPort = variable('SERVER_PORT', (connection) => connection.serverPort);
const address = text(({ remoteAddress }) => remoteAddress);

/** What Apache and gunicorn call by the same letter. */
const SHARED: Atoms = {
  B: plain(({ bytes }) => bytes),
  D: microseconds,
  e: anyVariable,
  H: text(({ protocol }) => protocol),
  h: address,
  i: requestField,
  l: plain(() => '-'),
  m: text(({ method }) => method),
  o: responseField,
  r: requestLine,
  s: plain(({ status }) => status),
  U: text(({ target }) => pathOf(target)),
};

/** Those of Apache (mod_log_config), by letter. */
export const APACHE: Atoms = {
  ...SHARED,
  a: byArgument({ '': address, c: text(({ connection }) => connection.remoteAddress) }),
  b: plain(({ bytes }) => bytes || '-'),
  // There it is a note of a module.
  n: byArgument({
    duration: bare(() => shown(({ durationMs }) => durationMs, millisecondsText)),
    mount: text(({ mount }) => mount),
    queue: ofWorker(() =>
      shown(
        ({ queueMs }) => queueMs,
        (queueMs) => (queueMs < 0 ? '-' : millisecondsText(queueMs)),
      ),
    ),
    'request-id': requestId,
    worker: ofWorker(({ harmless }) => shown(({ worker }) => worker, harmless)),
  }),
  P: plain(() => process.pid),
  p: byArgument({
    '': serverPort,
    canonical: serverPort,
    local: serverPort,
    remote: variable('REMOTE_PORT', ({ remotePort }) => remotePort),
  }),
  q: query('?'),
  T: byArgument({ '': seconds, s: seconds, ms: wholeMilliseconds, us: microseconds }),
  t: time('begin'),
  u: variable('REMOTE_USER', () => ''),
  V: requestedHost,
  v: variable('SERVER_NAME', ({ serverName }) => serverName),
  x: anyVariable,
};

/** Those of gunicorn, by what stands between the parentheses. */
export const GUNICORN: Atoms = {
  ...SHARED,
  a: bare((place) => requestField(place, 'User-Agent')),
  b: plain(({ bytes }) => bytes),
  f: bare((place) => requestField(place, 'Referer')),
  L: plain(({ durationMs }) => (Math.floor(durationMs * 1000) / 1e6).toFixed(6)),
  M: wholeMilliseconds,
  p: plain(() => `<${process.pid}>`),
  q: query(''),
  T: seconds,
  t: time('end'),
  u: basicName,
};
