/**
 * Texts that a regular expression might look at again and again: for each of its repetitions what leads there, a long
 * run of each kind of character or of what is repeated, and each kind of character as an end that does not fit.
 */

interface Item {
  /** The pattern of one character; null for a group, and for what has no width. */
  atom: string | null;
  branches: Item[][];
  min: number;
  unbounded: boolean;
}

/** Repetitions that are counted below this are taken for constant. */
const LARGE = 1000;

const TOKEN =
  /\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[pP]\{[^}]*\}|.)|\[(?:[^\]\\]|\\.)*\]|\((?:\?(?:[:=!]|<[=!]|<\w+>))?|./isy;
const QUANTIFIER = /(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/y;

class Pattern {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  /** Up to the end, or behind the bracket that closes. */
  branches(): Item[][] {
    const all: Item[][] = [[]];
    for (let match = this.#match(TOKEN); match !== null && match[0] !== ')'; match = this.#match(TOKEN)) {
      const [token] = match;
      if (token === '|') all.push([]);
      else all[all.length - 1].push(this.#item(token));
    }
    return all;
  }

  #item(token: string): Item {
    const branches = token.startsWith('(') ? this.branches() : [];
    const [, sign, least, comma, most] = this.#match(QUANTIFIER) ?? [];
    const min = sign === undefined ? Number(least ?? 1) : sign === '+' ? 1 : 0;
    const unbounded = sign === '*' || sign === '+' || (comma === ',' && (most === '' || Number(most) >= LARGE));
    const isCharacter = !token.startsWith('(') && !/^(?:[\^$]|\\[bB1-9])$/.test(token);
    return { atom: isCharacter ? token : null, branches, min, unbounded };
  }
}

function* everyItem(branches: readonly Item[][]): Generator<Item> {
  for (const item of branches.flat()) {
    yield item;
    yield* everyItem(item.branches);
  }
}

/** Readable ones first, so that they stand for their kind. */
const UNIVERSE = [
  ...'a0 /,;="\\%-_.:Z',
  ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)),
  '\u0100',
  '\u2028',
];

/** For each character of a text with a bracketed, quantified body: what matches it. */
class Attacks {
  readonly #flags: string;
  /** One character of each kind that the expression tells apart. */
  readonly #kinds: string[];
  readonly #texts = new Set<string>();
  readonly all: ((units: number) => string)[] = [];

  constructor({ source, flags }: RegExp) {
    this.#flags = flags.replace(/[gy]/g, '');
    const branches = new Pattern(source).branches();
    const atoms = [...new Set([...everyItem(branches)].flatMap(({ atom }) => atom ?? []))].map((atom) =>
      this.#one(atom),
    );
    const kinds = new Map<string, string>();
    for (const unit of UNIVERSE) {
      const kind = atoms.map((atom) => Number(atom.test(unit))).join('');
      if (!kinds.has(kind)) kinds.set(kind, unit);
    }
    this.#kinds = [...kinds.values()];
    this.#walk(branches, ['']);
    for (const kind of this.#kinds) this.#add('', kind, '');
  }

  #one(atom: string): RegExp {
    return new RegExp(`^(?:${atom})$`, this.#flags);
  }

  /** A text that an item matches: as short as can be, or with what may be left out. */
  #sample(item: Item, full: boolean): string {
    const { atom, branches, min } = item;
    const body =
      atom === null
        ? branches.length === 0
          ? ''
          : branches[0].map((each) => this.#sample(each, full)).join('')
        : (UNIVERSE.find((unit) => this.#one(atom).test(unit)) ?? '');
    return body.repeat(full ? Math.max(min, 1) : min);
  }

  #walk(branches: readonly Item[][], before: readonly string[]): void {
    for (const branch of branches) {
      let leads = [...before];
      for (const item of branch) {
        if (item.unbounded) this.#attack(item, leads);
        this.#walk(item.branches, leads);
        leads = [
          ...new Set([false, true].flatMap((full) => leads.map((lead) => lead + this.#sample(item, full)))),
        ].slice(-4);
      }
    }
  }

  #attack(item: Item, leads: readonly string[]): void {
    const once = { ...item, min: 1, unbounded: false };
    const bodies = item.branches.map((branch) => this.#sample({ ...once, branches: [branch] }, true));
    for (const lead of leads) for (const run of new Set([...this.#kinds, ...bodies])) this.#add(lead, run, lead);
  }

  /** @param again what begins a match anew within the run */
  #add(lead: string, run: string, again: string): void {
    if (run === '') return;
    for (const end of ['', ...this.#kinds]) {
      this.#push(lead, run, end);
      this.#push(`${this.#kinds[0]}${lead}`, run, end);
      if (again !== '') this.#push('', again + run, end);
    }
  }

  #push(lead: string, run: string, end: string): void {
    const key = `${lead}\0\0${run}\0\0${end}`;
    if (this.#texts.has(key)) return;
    this.#texts.add(key);
    this.all.push((units) => lead + run.repeat(units) + end);
  }
}

/** By the number of repetitions. */
export function attacks(regex: RegExp): readonly ((units: number) => string)[] {
  return new Attacks(regex).all;
}

/** All matches of a text, as a caller would look for them. */
export function search(regex: RegExp, text: string): void {
  if (regex.global) {
    text.replace(regex, '');
  } else if (regex.sticky) {
    regex.lastIndex = 0;
    while (regex.exec(text) !== null && regex.lastIndex < text.length);
  } else {
    regex.exec(text);
  }
}
