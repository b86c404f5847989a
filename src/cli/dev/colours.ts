/** Colours for terminals. */
import type { Environment } from '../environment.ts';

/** Codes of ECMA-48: what begins them, and what ends them. */
const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof CODES;

/** Gives a text its style, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

export const coloured: Paint = (style, text) => {
  const [begin, end] = CODES[style];
  return `\x1b[${begin}m${text}\x1b[${end}m`;
};

/**
 * Terminals get colours, nothing else does; `FORCE_COLOR` and then `NO_COLOR` overrule that, as in Node
 * (https://force-color.org, https://no-color.org).
 */
export function paintFor(isTerminal: boolean, { FORCE_COLOR, NO_COLOR, TERM }: Environment): Paint {
  if (FORCE_COLOR !== undefined) return /^(?:0|false)$/.test(FORCE_COLOR) ? plain : coloured;
  return isTerminal && !NO_COLOR && TERM !== 'dumb' ? coloured : plain;
}
