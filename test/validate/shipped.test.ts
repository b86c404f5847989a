import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { markAsync } from '../../src/interface/index.ts';
import { type ValidationWarning, type ValidatorOptions, validator } from '../../src/validate/index.ts';
import { SHIPPED } from '../middleware/shipped.ts';
import { asyncApplication, plans, syncApplication } from './plans.ts';
import { runAsyncly, runSyncly } from './transport.ts';

/** A client that asks for everything the middleware can do. */
const FIELDS = {
  HTTP_ACCEPT_ENCODING: 'gzip, br',
  HTTP_IF_NONE_MATCH: '"x"',
  HTTP_ORIGIN: 'https://a.example',
};

/** Warnings about the way of calling; what an application may be warned of says nothing about middleware. */
function listening(): { options: ValidatorOptions; warned: string[] } {
  const warned: string[] = [];
  const warn = ({ row, message }: ValidationWarning) => {
    if (['M-20', 'V-135', 'V-136'].includes(row)) warned.push(message);
  };
  return { options: { warn }, warned };
}

describe('middleware that ships keeps the rules, between two validators', () => {
  it.each(SHIPPED)('V-131 V-132 V-133 sync: %s', (_name, make) => {
    fc.assert(
      fc.property(plans, (plan) => {
        const { options, warned } = listening();
        const app = validator(make()(validator(syncApplication(plan, []), options)), options);
        const outcome = runSyncly(
          (environ, startResponse) => app(Object.assign(environ, FIELDS), startResponse),
          plan.method,
          plan.body,
          plan.goneAt,
        );
        expect(outcome.errors).not.toContain('ValidationError');
        expect(warned).toEqual([]);
        expect(validator.unclosed()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it.each(SHIPPED)('V-131 V-132 V-133 V-135 async: %s', async (_name, make) => {
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const { options, warned } = listening();
        const app = validator(make()(validator(markAsync(asyncApplication(plan, [])), options)), options);
        const outcome = await runAsyncly(
          (environ, startResponse) => app(Object.assign(environ, FIELDS), startResponse),
          plan.method,
          plan.body,
          plan.goneAt,
        );
        expect(outcome.errors).not.toContain('ValidationError');
        expect(warned).toEqual([]);
        expect(validator.unclosed()).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
