/** The settings of the process itself: whose it is, and how others find it. */
import { expected, octal, readPath, type Setting } from '../setting-kinds.ts';

/** (uid_t) -1 says "as it is" to the system. */
const MOST_ID = 2 ** 32 - 2;

export const user = account(
  'USER',
  'that of whoever starts it',
  'Serve as this user, by name or number, in a process of its own; the one that root starts keeps the addresses (see docs/production.md)',
);

export const group = account('GROUP', 'those of the user', 'Serve as this group, by name or number');

export const umask = octal(
  'Process',
  'as it is',
  'Rights that new files and Unix sockets do not get, such as 027; for the whole process',
);

export const pidFile: Setting<string | undefined, string> = {
  group: 'Process',
  value: 'PATH',
  default: undefined,
  defaultText: 'none',
  text: 'Keep the id of the process in this file while requests are answered; refused where that of a living process stands there',
  read: readPath,
  show: String,
};

function account(
  value: string,
  defaultText: string,
  text: string,
): Setting<string | number | undefined, string | number> {
  const read = (input: unknown): string | number => {
    const id = typeof input === 'string' && /^\d{1,10}$/.test(input) ? Number(input) : input;
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= MOST_ID) return id;
    if (typeof id === 'string' && id !== '' && !id.includes('\0')) return id;
    throw expected('a name or a number', input);
  };
  return { group: 'Process', value, default: undefined, defaultText, text, read, show: String };
}
