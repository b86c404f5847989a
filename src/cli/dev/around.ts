/** What `quaich dev` puts around each application, on the threads that run it. */
import { errorPage } from '../../middleware/error-page.ts';
import type { Wrapper } from '../../pool/applications.ts';
import { type ValidationWarning, validator } from '../../validate/index.ts';

// Before applications are loaded: of what is compiled, errors name the lines that were written.
process.setSourceMapsEnabled(true);

/** Warnings that one load of an application is given. */
const MOST_WARNINGS = 100;

/**
 * The error page of development; below it, around an application of the convention, the validator. What an adapter has
 * made of another interface is ours to be correct.
 */
export const wrap: Wrapper['wrap'] = (application, module) => {
  const page = errorPage({ development: true });
  const warn = warner(module);
  if (application.kind === 'sync') {
    return { ...application, app: page(validator(application.app, { kind: 'sync', warn })) };
  }
  const { app, known } = application;
  return { ...application, app: page(known.foreign === null ? validator(app, { kind: 'async', warn }) : app) };
};

/** Tells each warning once. */
function warner(module: string): (warning: ValidationWarning) => void {
  const told = new Set<string>();
  return ({ message }) => {
    if (told.size === MOST_WARNINGS || told.has(message)) return;
    told.add(message);
    console.warn(`quaich: warning: ${module}: ${message}`);
  };
}
