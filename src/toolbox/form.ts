import type { AsyncEnviron, Environ } from '../interface/types.ts';
import { MULTIPART, multipart } from './multipart.ts';
import type { PartHead } from './multipart-head.ts';
import type { MultipartLimits } from './multipart-splitter.ts';
import { contentType, isAsync } from './request-body.ts';
import { unsupported } from './request-data-error.ts';
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

function add(form: FormData, part: PartHead, data: Uint8Array): void {
  if (part.filename === undefined) {
    form.append(part.name, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
  } else {
    form.append(part.name, new Blob([data as Uint8Array<ArrayBuffer>], { type: part.type }), part.filename);
  }
}

function formOf(fields: URLSearchParams): FormData {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
}

/** The type of the form; null for one without files. */
function kindOfForm(environ: Environ | AsyncEnviron): 'multipart' | 'urlencoded' {
  const type = contentType(environ)?.value;
  if (type === MULTIPART) return 'multipart';
  if (type === URLENCODED) return 'urlencoded';
  throw unsupported(`the request body must be a form: ${URLENCODED} or ${MULTIPART}`);
}

function limitsOf({ maxParts, maxFieldSize, maxFileSize, maxSize = MOST }: FormLimits): MultipartLimits {
  return { maxParts, maxFieldSize, maxFileSize: maxFileSize ?? maxSize, maxTotalSize: maxSize };
}

function syncForm(environ: Environ, limits: FormLimits): FormData {
  if (kindOfForm(environ) === 'urlencoded') return formOf(readUrlencoded(environ, limits) as URLSearchParams);
  const form = new FormData();
  for (const part of multipart(environ, limitsOf(limits))) add(form, part, part.read());
  return form;
}

async function asyncForm(environ: AsyncEnviron, limits: FormLimits): Promise<FormData> {
  if (kindOfForm(environ) === 'urlencoded') return formOf(await readUrlencoded(environ, limits));
  const form = new FormData();
  for await (const part of multipart(environ, limitsOf(limits))) add(form, part, await part.read());
  return form;
}

/**
 * The form of the request, of either type, as a whole: texts, and files as `File`s in memory. For large files use
 * `multipart`.
 *
 * @throws RequestDataError: 415 for another Content-Type, 413 above a limit, 400 for a malformed body; what `wsgi.input`
 *   throws when the body breaks off (G-63)
 */
export function form(environ: Environ, limits?: FormLimits): FormData;
export function form(environ: AsyncEnviron, limits?: FormLimits): Promise<FormData>;
export function form(environ: Environ | AsyncEnviron, limits: FormLimits = {}): FormData | Promise<FormData> {
  return isAsync(environ) ? asyncForm(environ, limits) : syncForm(environ, limits);
}
