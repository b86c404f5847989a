/** Times of day in logs, in the zone of the machine. */

/** `[10/Oct/2000:13:55:36 -0700]` */
const COMMON = '[%d/%b/%Y:%H:%M:%S %z]';

const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** The conversions of strftime, but for those that depend on a language, or begin with blanks. */
const CONVERSIONS: Readonly<Record<string, (at: Date) => string>> = {
  '%': () => '%',
  A: (at) => DAYS[at.getDay()],
  a: (at) => DAYS[at.getDay()].slice(0, 3),
  B: (at) => MONTHS[at.getMonth()],
  b: (at) => MONTHS[at.getMonth()].slice(0, 3),
  d: (at) => digits(at.getDate()),
  F: (at) => `${at.getFullYear()}-${digits(at.getMonth() + 1)}-${digits(at.getDate())}`,
  H: (at) => digits(at.getHours()),
  I: (at) => digits(at.getHours() % 12 || 12),
  M: (at) => digits(at.getMinutes()),
  m: (at) => digits(at.getMonth() + 1),
  p: (at) => (at.getHours() < 12 ? 'AM' : 'PM'),
  S: (at) => digits(at.getSeconds()),
  s: (at) => String(at.getTime() / 1000),
  T: (at) => `${digits(at.getHours())}:${digits(at.getMinutes())}:${digits(at.getSeconds())}`,
  Y: (at) => String(at.getFullYear()),
  y: (at) => digits(at.getFullYear() % 100),
  z: zone,
};

/** What Apache has beside strftime: a format is one of them, or has none of them. */
const WHOLE: Readonly<Record<string, (time: number) => string>> = {
  sec: (time) => String(Math.floor(time / 1000)),
  msec: (time) => String(Math.floor(time)),
  usec: (time) => String(Math.floor(time * 1000)),
  msec_frac: (time) => digits(Math.floor(time % 1000), 3),
  usec_frac: (time) => digits(Math.floor((time % 1000) * 1000), 6),
};

function digits(value: number, count = 2): string {
  return String(value).padStart(count, '0');
}

function zone(at: Date): string {
  const offset = -at.getTimezoneOffset();
  const minutes = Math.abs(offset);
  return `${offset < 0 ? '-' : '+'}${digits(Math.trunc(minutes / 60))}${digits(minutes % 60)}`;
}

/**
 * What shows a time (milliseconds since 1970) in a format of strftime, or in one of Apache's own; null for a format
 * that has something else. The text is made once a second.
 */
export function timeFormat(format: string): ((time: number) => string) | null {
  if (Object.hasOwn(WHOLE, format)) return WHOLE[format];
  const pieces: ((at: Date) => string)[] = [];
  for (const [text, letter] of (format || COMMON).matchAll(/%(.?)|[^%]+/g)) {
    if (letter === undefined) pieces.push(() => text);
    else if (Object.hasOwn(CONVERSIONS, letter)) pieces.push(CONVERSIONS[letter]);
    else return null;
  }
  let second = Number.NaN;
  let shown = '';
  return (time) => {
    const now = Math.floor(time / 1000);
    if (now !== second) {
      second = now;
      const at = new Date(now * 1000);
      shown = pieces.map((piece) => piece(at)).join('');
    }
    return shown;
  };
}
