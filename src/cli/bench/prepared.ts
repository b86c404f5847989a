/** A response of so many bytes, prepared beforehand, in both conventions: what a server itself costs. */
import type { Application, AsyncApplication, HeaderField } from '../../interface/types.ts';
import { PREPARED } from './orders.ts';

const body = Buffer.alloc(Number(process.env[PREPARED]), 'prepared ');
const headers: HeaderField[] = [
  ['Content-Type', 'application/octet-stream'],
  ['Content-Length', String(body.length)],
];

export const sync: Application = (environ, startResponse) => {
  environ['wsgi.input'].read();
  startResponse('200 OK', headers);
  return [body];
};

export const asynchronous: AsyncApplication = async (environ, startResponse) => {
  await environ['wsgi.input'].read();
  startResponse('200 OK', headers);
  return [body];
};
