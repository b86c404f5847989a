import { isAsyncEnviron } from '../interface/kind.ts';
import type { AsyncEnviron, Environ } from '../interface/types.ts';
import { awaitSteps, runSteps, type Steps, wait } from '../rules/steps.ts';
import type { PartHead } from './multipart-head.ts';
import { FormReader, MULTIPART } from './multipart-reader.ts';
import type { MultipartLimits } from './multipart-splitter.ts';
import { contentType, decoded } from './request-body.ts';
import { limit, unsupported } from './request-data-error.ts';
import { readUrlencoded, URLENCODED } from './urlencoded.ts';

/** Sizes in bytes. */
export interface FormLimits extends Pick<MultipartLimits, 'maxParts' | 'maxFieldSize' | 'maxFileSize'> {
  /** Largest body; 8 MiB by default, of which a form without files may take 1 MiB. */
  maxSize?: number;
  /** Most pairs of a form without files; 1000 by default. */
  maxPairs?: number;
}

/** 8 MiB: all of it is held in memory. */
const MOST = 8388608;

function add(form: FormData, { name, filename, type }: PartHead, data: Uint8Array): void {
  if (filename === undefined) form.append(name, decoded(data));
  // Blocks of `wsgi.input` are no shared memory, as `Blob` wants it.
  else form.append(name, new Blob([data as Uint8Array<ArrayBuffer>], { type }), filename);
}

function formOf(fields: URLSearchParams): FormData {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
}

function kindOfForm(environ: Environ | AsyncEnviron): 'multipart' | 'urlencoded' {
  const type = contentType(environ)?.value;
  if (type === MULTIPART) return 'multipart';
  if (type === URLENCODED) return 'urlencoded';
  throw unsupported(`the request body must be a form: ${URLENCODED} or ${MULTIPART}`);
}

function limitsOf({ maxParts, maxFieldSize, maxFileSize, maxSize }: FormLimits): MultipartLimits {
  const most = limit(maxSize, MOST, 'maxSize');
  return { maxParts, maxFieldSize, maxFileSize: maxFileSize ?? most, maxTotalSize: most };
}

function* read(environ: Environ | AsyncEnviron, limits: FormLimits): Steps<FormData> {
  if (kindOfForm(environ) === 'urlencoded') return formOf(yield* wait(readUrlencoded(environ, limits)));
  const form = new FormData();
  const reader = new FormReader(environ, limitsOf(limits));
  for (let part = yield* reader.nextPart(); part !== null; part = yield* reader.nextPart()) {
    add(form, part.head, yield* part.read());
  }
  return form;
}

/**
 * The form of the request, of either type, as a whole: texts, and files as `File`s in memory. For large files use
 * `multipart`.
 *
 * @throws RequestDataError: 415 for another Content-Type, 413 above a limit, 400 for a malformed body; what
 *   `wsgi.input` throws when the body breaks off (G-63)
 */
export function form(environ: Environ, limits?: FormLimits): FormData;
export function form(environ: AsyncEnviron, limits?: FormLimits): Promise<FormData>;
export function form(environ: Environ | AsyncEnviron, limits: FormLimits = {}): FormData | Promise<FormData> {
  return isAsyncEnviron(environ) ? awaitSteps(read(environ, limits)) : runSteps(read(environ, limits));
}
