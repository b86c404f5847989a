import { textToNative } from '../rules/native-strings.ts';
import { type BodyPiece, toBytes } from './request.ts';

/** A field of a form, or a file where there is a file name. */
export interface FormPart {
  name: string;
  data: BodyPiece;
  filename?: string;
  /** Content-Type. */
  type?: string;
}

/** Names as browsers write them (HTML standard, multipart/form-data). */
function quoted(name: string): string {
  return `"${name.replace(/\r?\n|\r/g, '%0D%0A').replaceAll('"', '%22')}"`;
}

/**
 * A form with files, as a browser sends it: `client.post('/', multipartBody([{ name: 'a', data: 'b' }]))`.
 *
 * @param boundary must not occur in the data
 */
export function multipartBody(
  parts: Iterable<FormPart>,
  boundary = '----QuaichFormBoundary7MA4YWxkTrZu0gW',
): { headers: Record<string, string>; body: Uint8Array } {
  const pieces: Buffer[] = [];
  for (const { name, data, filename, type } of parts) {
    let head = `--${boundary}\r\nContent-Disposition: form-data; name=${quoted(name)}`;
    if (filename !== undefined) head += `; filename=${quoted(filename)}`;
    const mediaType = type ?? (filename === undefined ? undefined : 'application/octet-stream');
    if (mediaType !== undefined) head += `\r\nContent-Type: ${mediaType}`;
    pieces.push(
      Buffer.from(textToNative(`${head}\r\n\r\n`), 'latin1'),
      Buffer.from(toBytes(data)),
      Buffer.from('\r\n'),
    );
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return {
    headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
    body: new Uint8Array(Buffer.concat(pieces)),
  };
}
