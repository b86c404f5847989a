/** What the command says on standard error, as text or as objects. */
import { visibleControls } from '../server/log/escape.ts';

/** Levels of pino, and what stands before a text. */
const LEVELS = {
  info: { number: 30, prefix: '' },
  warn: { number: 40, prefix: 'quaich: warning: ' },
  error: { number: 50, prefix: 'quaich: ' },
};

/** `fields` is what an object has of it; a `msg` among them stands there in place of the text. */
export type Say = (level: keyof typeof LEVELS, text: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Objects (`json`) have the form that pino gives them in the logs of the server. */
export function sayTo(write: (line: string) => void, json: boolean): Say {
  return (level, text, fields) => {
    const { number, prefix } = LEVELS[level];
    if (!json) {
      write(`${prefix}${text}\n`);
      return;
    }
    const message = { level: number, time: Date.now(), msg: text, ...fields };
    write(visibleControls(`${JSON.stringify(message)}\n`));
  };
}
