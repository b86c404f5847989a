/** Keys that are pressed while the server runs. */

/** The line that tells of them. */
export const KEYS = 'r reload · o open · c clear · q quit · h help';

const CONTROL_C = '\x03';
const CONTROL_D = '\x04';

/** A terminal to read from. */
export interface KeyInput {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  on(event: 'data', listener: (data: Buffer | string) => void): unknown;
  off(event: 'data', listener: (data: Buffer | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** What the keys do. */
export interface KeyActions {
  r(): void;
  o(): void;
  c(): void;
  q(): void;
  h(): void;
}

function isKey(key: string, actions: KeyActions): key is keyof KeyActions {
  return Object.hasOwn(actions, key);
}

/**
 * Listens to the keys of a terminal, and does nothing where there is none. Control-C is a key then, and no signal; it
 * quits, as Control-D does.
 *
 * @returns ends it, and gives the terminal its usual mode again
 */
export function listenToKeys(input: KeyInput, actions: KeyActions): () => void {
  if (!input.isTTY) return () => {};
  const pressed = (data: Buffer | string): void => {
    for (const character of String(data)) {
      const key = character.toLowerCase();
      if (character === CONTROL_C || character === CONTROL_D) actions.q();
      else if (isKey(key, actions)) actions[key]();
    }
  };
  input.setRawMode?.(true);
  input.on('data', pressed);
  input.resume();
  return () => {
    input.off('data', pressed);
    input.setRawMode?.(false);
    input.pause();
  };
}
