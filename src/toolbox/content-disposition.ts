import { create } from 'content-disposition';
import type { HeaderField } from '../interface/types.ts';

/**
 * A `Content-Disposition` field for `startResponse` (U-64). A name that is not plain ASCII stands there in UTF-8, as
 * `filename*`, and as well as can be in ASCII for clients that do not read that (RFC 6266, 4.3; RFC 8187).
 *
 * @param filename without a path; any text
 * @param type `attachment` has the client save the file, `inline` has it shown
 */
export function contentDisposition(filename: string, type: 'attachment' | 'inline' = 'attachment'): HeaderField {
  // The library throws for half of a surrogate pair.
  return ['Content-Disposition', create(filename.replace(/\p{Surrogate}/gu, '\ufffd'), { type })];
}
