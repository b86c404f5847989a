// The parsers that are compared. One makes a *subject* of each kind: `offsets` only finds where everything lies,
// `object` makes of it what an application can use. Each is used as its own documentation says, one for many requests
// on a connection that is kept.
import { createRequire } from 'node:module';
import { measureParser } from './parse-measure.mjs';

const require = createRequire(import.meta.url);

/**
 * @typedef {object} Subject
 * @property {(read: Read) => void} put lays the bytes of a read where the parser takes them
 * @property {(length: number) => void} parse parses the bytes that were put there last
 * @property {{ requests: number, fields: number, payload: number }} seen counts of all that was parsed
 * @property {() => { method: string, target: string, field: (name: string) => string }} [last] what an `object` has
 *   made of the last request
 */

/** @typedef {{ bytes: Buffer, text: string }} Read the same twice: bytes, and a string with a unit for each */

/** Bytes of the largest read. */
const READ = 65536;

/** Bytes from which on a string is copied faster. */
const LARGE = 1024;

/**
 * Copies a read to `at`. V8 copies bytes into shared memory, as ours is, four times as slowly as into other memory, but
 * strings at full speed into both, as the system does with what it reads from a socket.
 */
function lay(memory, { bytes, text }, at) {
  if (bytes.length < LARGE) memory.set(bytes, at);
  else memory.latin1Write(text, at);
}

const newCounts = () => ({ requests: 0, fields: 0, payload: 0 });

/** Collects fields as an object, as node:http does: names in lower case, repeated ones joined. */
class Collector {
  method = '';
  target = '';
  headers = {};

  begin() {
    this.headers = {};
  }

  add(name, value) {
    const key = name.toLowerCase();
    const before = this.headers[key];
    this.headers[key] = before === undefined ? value : `${before}, ${value}`;
  }

  /** The last request, for who asked for an object. */
  last = () => ({ method: this.method, target: this.target, field: (name) => this.headers[name.toLowerCase()] });
}

/** @returns {(kind: string) => Subject} */
function quaich(build, built) {
  const { Parser, EnvironBuilder, SyncInput, FIELD_NAMES, METHODS } = built;
  const { READ_AREA, HEAD_RECORD, HEAD_FLAGS, HEAD_FIELD_COUNT, FLAG_CHUNKED } = built;
  const RECORD = HEAD_RECORD / 4;
  const connection = {
    remoteAddress: '127.0.0.1',
    remotePort: '40000',
    serverName: '127.0.0.1',
    serverPort: '8080',
    scheme: 'http',
    unixSocket: false,
  };
  return (kind) => {
    const parser = new Parser({ build });
    const builder = new EnvironBuilder({
      fieldNames: FIELD_NAMES,
      methods: METHODS,
      async: false,
      multithread: true,
      multiprocess: false,
      errors: {},
    });
    const seen = newCounts();
    let environ;
    let head = null; // what of a head came earlier
    let body = null; // what of a body came earlier
    let inBody = false;
    const parseHead = (to) => {
      const after = parser.head(head === null ? READ_AREA : parser.resumeHead(head), to);
      head = after === 0 ? parser.suspendHead() : null;
      if (after < 0) throw new Error(`refused by rule ${-after}`);
      if (after === 0) return to;
      seen.fields += parser.words[RECORD + HEAD_FIELD_COUNT];
      if (kind === 'object') {
        environ = builder.build(parser.headText(), 0, parser.words, RECORD, connection, '', new SyncInput(null));
      }
      inBody = (parser.words[RECORD + HEAD_FLAGS] & FLAG_CHUNKED) !== 0;
      if (inBody) parser.beginBody();
      else seen.requests++;
      return after;
    };
    const parseBody = (from, to) => {
      if (body !== null) parser.resumeBody(body);
      const result = parser.body(from, to);
      if (result < 0) throw new Error(`refused by rule ${-result}`);
      seen.payload += parser.dataLength;
      inBody = result === 0;
      body = inBody ? parser.suspendBody() : null;
      if (!inBody) seen.requests++;
    };
    const last = () => ({
      method: environ.REQUEST_METHOD,
      target: environ.REQUEST_URI,
      field: (name) => environ[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`],
    });
    return {
      seen,
      put: (read) => lay(parser.bytes, read, READ_AREA),
      parse: (length) => {
        const to = READ_AREA + length;
        const from = inBody ? READ_AREA : parseHead(to);
        if (from < to) parseBody(from, to);
      },
      last: kind === 'object' ? last : undefined,
    };
  };
}

/** llhttp as undici ships and calls it. A callback costs a way from wasm to JavaScript; those of `offsets` count. */
function llhttp() {
  const module = new WebAssembly.Module(require('undici/lib/llhttp/llhttp_simd-wasm.js'));
  const { TYPE, METHODS } = require('undici/lib/llhttp/constants.js');
  const methods = new Map(Object.entries(METHODS).map(([name, number]) => [number, name]));
  return (kind) => {
    const seen = newCounts();
    const collector = new Collector();
    let bytes;
    let name = '';
    let named = 0;
    const text = (at, length) => bytes.latin1Slice(at, at + length);
    const counting = {
      wasm_on_header_field: () => {
        named = 1;
        return 0;
      },
      // A value that came in parts is told in parts.
      wasm_on_header_value: () => {
        seen.fields += named;
        named = 0;
        return 0;
      },
    };
    const collecting = {
      wasm_on_message_begin: () => {
        collector.begin();
        return 0;
      },
      wasm_on_url: (_parser, at, length) => {
        collector.target = text(at, length);
        return 0;
      },
      wasm_on_header_field: (_parser, at, length) => {
        name = text(at, length);
        return 0;
      },
      wasm_on_header_value: (_parser, at, length) => {
        collector.add(name, text(at, length));
        seen.fields++;
        return 0;
      },
      wasm_on_headers_complete: (parser) => {
        collector.method = methods.get(exports.llhttp_get_method(parser));
        return 0;
      },
    };
    const env = {
      ...Object.fromEntries(WebAssembly.Module.imports(module).map((one) => [one.name, () => 0])),
      ...(kind === 'object' ? collecting : counting),
      wasm_on_body: (_parser, _at, length) => {
        seen.payload += length;
        return 0;
      },
      wasm_on_message_complete: () => {
        seen.requests++;
        return 0;
      },
    };
    const { exports } = new WebAssembly.Instance(module, { env });
    exports._initialize();
    const parser = exports.llhttp_alloc(TYPE.REQUEST);
    const at = exports.malloc(READ);
    bytes = Buffer.from(exports.memory.buffer);
    return {
      seen,
      put: (read) => lay(bytes, read, at),
      parse: (length) => {
        const error = exports.llhttp_execute(parser, at, length);
        if (error !== 0) throw new Error(`refused with error ${error}`);
      },
      last: kind === 'object' ? collector.last : undefined,
    };
  };
}

/** milo gives back what it could not use yet: those bytes stand in front of the next read. */
function milo() {
  const { load } = require('@perseveranza-pets/milo');
  return (kind) => {
    const milo = load(); // with a memory of its own: one that grows takes the views of others away
    const seen = newCounts();
    const collector = new Collector();
    const parser = milo.create();
    milo.setMode(parser, milo.MESSAGE_TYPE_REQUEST);
    const at = milo.alloc(2 * READ);
    const bytes = Buffer.from(milo.memory.buffer, at, 2 * READ);
    let left = 0;
    let name = '';
    const text = (from, length) => bytes.latin1Slice(from, from + length);
    milo.setOnHeaderValue(parser, () => {
      seen.fields++;
    });
    milo.setOnData(parser, (_parser, _from, length) => {
      seen.payload += length;
    });
    milo.setOnMessageComplete(parser, () => {
      seen.requests++;
    });
    if (kind === 'object') {
      milo.setOnMessageStart(parser, () => collector.begin());
      milo.setOnMethod(parser, (_parser, from, length) => {
        collector.method = text(from, length);
      });
      milo.setOnUrl(parser, (_parser, from, length) => {
        collector.target = text(from, length);
      });
      milo.setOnHeaderName(parser, (_parser, from, length) => {
        name = text(from, length);
      });
      milo.setOnHeaderValue(parser, (_parser, from, length) => {
        collector.add(name, text(from, length));
        seen.fields++;
      });
    }
    return {
      seen,
      put: (read) => lay(bytes, read, left),
      parse: (length) => {
        const end = left + length;
        const used = milo.parse(parser, at, end);
        if (milo.getState(parser) === milo.STATE_ERROR) throw new Error(milo.getErrorDescription(parser));
        if (used < end) bytes.copyWithin(0, used, end);
        left = end - used;
      },
      last: kind === 'object' ? collector.last : undefined,
    };
  };
}

function httpParserJs() {
  const { HTTPParser } = require('http-parser-js');
  return (kind) => {
    const seen = newCounts();
    const collector = new Collector();
    const bytes = Buffer.alloc(READ);
    const parser = new HTTPParser(HTTPParser.REQUEST);
    parser[HTTPParser.kOnHeadersComplete] = ({ method, url, headers }) => {
      seen.fields += headers.length / 2;
      if (kind !== 'object') return;
      collector.begin();
      collector.method = HTTPParser.methods[method];
      collector.target = url;
      for (let i = 0; i < headers.length; i += 2) collector.add(headers[i], headers[i + 1]);
    };
    parser[HTTPParser.kOnBody] = (_bytes, _from, length) => {
      seen.payload += length;
    };
    parser[HTTPParser.kOnMessageComplete] = () => {
      seen.requests++;
    };
    return {
      seen,
      put: (read) => lay(bytes, read, 0),
      parse: (length) => {
        const used = parser.execute(bytes, 0, length);
        if (used instanceof Error) throw used;
      },
      last: kind === 'object' ? collector.last : undefined,
    };
  };
}

const modules = [
  'assembly/layout.js',
  'src/protocols/http/parser.js',
  'src/protocols/http/wasm/tables.js',
  'src/environ/builder.js',
  'src/engine/sync-input.js',
];

/** @type {Record<string, import('./part-process.mjs').Part>} */
export const candidates = {
  'llhttp in wasm': { package: 'undici', start: () => measureParser(llhttp()) },
  'quaich, SIMD': { modules, start: (built) => measureParser(quaich('simd', built)) },
  'quaich, scalar': { modules, start: (built) => measureParser(quaich('scalar', built)) },
  milo: { package: '@perseveranza-pets/milo', start: () => measureParser(milo()) },
  'http-parser-js': { package: 'http-parser-js', start: () => measureParser(httpParserJs()) },
};
