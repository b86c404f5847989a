// How a parser is measured: it parses one request again and again. What it finds has to be right, before and after.
import assert from 'node:assert/strict';
import { inputs } from './parse-inputs.mjs';
import { repeatSync } from './repeat.mjs';

/**
 * @param {(kind: 'offsets' | 'object') => import('./parse.mjs').Subject} makeSubject
 * @returns {import('./part-process.mjs').Measure}
 */
export function measureParser(makeSubject) {
  const subjects = { offsets: makeSubject('offsets'), object: makeSubject('object') };
  return ({ request, to, read }, seconds) => {
    const input = inputs[request];
    const subject = subjects[to];
    const reads = split(input.bytes, read);
    const parseReads = () => {
      for (const one of reads) {
        subject.put(one);
        subject.parse(one.bytes.length);
      }
    };
    // A head in one read lies in the parser's memory, as a socket would have read it there. What comes in several
    // reads, or is decoded in place, has to be copied there for each request, and it is so for everybody.
    const whole = reads.length === 1 && input.payload === 0;
    const { length } = input.bytes;
    check(subject, input, parseReads);
    const before = { ...subject.seen };
    const { requests, sample } = repeatSync(whole ? () => subject.parse(length) : parseReads, seconds);
    checkCounts(subject.seen, before, input, requests);
    check(subject, input, parseReads);
    return { cpu: sample.cpu * 1000, elapsed: sample.elapsed * 1000 };
  };
}

/** Reads of so many bytes; by default of as many as a server reads at a time. */
function split(bytes, size = 65536) {
  const reads = [];
  for (let at = 0; at < bytes.length; at += size) {
    const read = bytes.subarray(at, at + size);
    reads.push({ bytes: read, text: read.latin1Slice() });
  }
  return reads;
}

/** Parses the request once, and compares what was found. */
function check(subject, input, parseReads) {
  const before = { ...subject.seen };
  parseReads();
  checkCounts(subject.seen, before, input, 1);
  if (subject.last === undefined) return;
  const { method, target, field } = subject.last();
  const fields = input.fields.map(([name]) => [name, field(name)]);
  assert.deepEqual({ method, target, fields }, { method: input.method, target: input.target, fields: input.fields });
}

function checkCounts(seen, before, { fields, payload }, requests) {
  const found = Object.fromEntries(Object.keys(seen).map((key) => [key, seen[key] - before[key]]));
  assert.deepEqual(found, { requests, fields: requests * fields.length, payload: requests * payload });
}
