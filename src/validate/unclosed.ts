import type { Settings } from './settings.ts';

/** A body that was handed out and has not been closed. */
export interface UnclosedBody {
  /** The request, as `GET /path`. */
  readonly request: string;
}

interface Entry extends UnclosedBody {
  readonly settings: Settings;
}

const entries = new Set<Entry>();

//: @in closing
//: V-89: A body that was never closed is reported when it is garbage-collected, as a warning; that may be late or
//: never. The function `validator.unclosed()` gives those that are open now.
const registry = new FinalizationRegistry<Entry>((entry) => {
  if (!entries.delete(entry)) return;
  entry.settings.warn(
    'V-89',
    'server',
    `the body of ${entry.request} was garbage-collected and had never been closed`,
    'call close of every body that has one, exactly once',
  );
});

/** Watches a body until the function that it returns is called. */
export function track(body: object, request: string, settings: Settings): () => void {
  const entry: Entry = { request, settings };
  entries.add(entry);
  registry.register(body, entry, entry);
  return () => {
    entries.delete(entry);
    registry.unregister(entry);
  };
}

/**
 * The bodies that were handed out by any validator of this realm, have something to close, and are not closed yet
 * (V-89).
 */
export function unclosed(): UnclosedBody[] {
  return Array.from(entries, ({ request }) => ({ request }));
}
