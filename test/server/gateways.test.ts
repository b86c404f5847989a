/** The engine's table of applications through each gateway (G-181, and G-80 to G-145 by the titles of the table). */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { APPLICATIONS } from '../engine/application-table.ts';
import { checkAnswer } from './application-check.ts';
import { GATEWAYS, type OpenGateway } from './gateway-ways.ts';

describe.each(GATEWAYS)('G-181 $way', ({ exceptions, open }) => {
  let gateway: OpenGateway;

  beforeAll(async () => {
    gateway = await open();
  });

  afterAll(() => gateway.close());

  test.each(APPLICATIONS.map((one, index) => ({ ...one, index })))('$title', async ({ index, ...one }) => {
    gateway.errors();
    const expected = exceptions.reduce((so, exception) => exception.expected(so), one);
    checkAnswer(expected, await gateway.ask(one.method ?? 'GET', `/${index}`));
    // The end of a response may be there before the body is closed.
    await vi.waitFor(async () => {
      expect(JSON.parse((await gateway.ask('GET', `/trace/${index}`)).body)).toEqual(one.trace ?? []);
    }, 10_000);
    const reports = gateway.errors();
    if (reports === null) return;
    if (expected.errors === undefined) expect(reports).toBe('');
    else {
      expect(reports).toMatch(expected.errors);
      expect(reports.match(/^quaich: /gm)).toHaveLength(1); // one report for each failure
    }
  });
});
