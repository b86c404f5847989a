import { isAsyncEnviron } from '../interface/kind.ts';
import type {
  AsyncBody,
  AsyncEnviron,
  AsyncStartResponse,
  Body,
  Environ,
  HeaderFields,
  StartResponse,
} from '../interface/types.ts';
import { textToNative } from '../rules/native-strings.ts';
import { disregard } from '../rules/promises.ts';
import { awaitSteps, runSteps, type Steps, wait } from '../rules/steps.ts';
import { sendNotFound } from '../toolbox/send.ts';
import { answerFile, mediaType } from './static/answer.ts';
import { locateBelow, openBelow } from './static/below.ts';
import {
  awaitedFileSystem,
  blockingFileSystem,
  type FileSystem,
  type OpenedFile,
  openRegular,
} from './static/file-system.ts';
import { requestedPath } from './static/path.ts';
import type { AnyEnviron } from './types.ts';

export interface SendFileOptions {
  /**
   * The directory that the path starts at and may not leave. What `staticFiles` would not serve there counts as
   * missing. Needed wherever a part of the path is of the client's making.
   */
  root?: string;
  /** Media type; by default that of the path's ending. */
  type?: string;
  /** Further fields, such as a `Cache-Control` or a `Content-Disposition`. */
  headers?: HeaderFields;
}

function* opened(files: FileSystem, path: string, root: string | undefined): Steps<OpenedFile | null> {
  if (path.includes('\0')) return null; // in no name of a file
  const real = yield* wait(files.realPath(root ?? path));
  if (real === null) return null;
  if (root === undefined) return yield* openRegular(files, real);
  const asked = requestedPath(textToNative(`/${path}`), false);
  if (asked === null || asked.directory) return null;
  const below = { path: real, dotfiles: false };
  const file = yield* locateBelow(files, below, asked.segments);
  return file === null ? null : yield* openBelow(files, below, asked.segments, file);
}

function begin(
  environ: AnyEnviron,
  startResponse: (status: string, headers: HeaderFields) => unknown,
  file: OpenedFile | null,
  { type, headers = [] }: SendFileOptions & { type: string },
): Body | AsyncBody {
  if (file === null) return sendNotFound(startResponse);
  const answer = answerFile(environ, file, () => ({ type, coding: null, headers }));
  try {
    startResponse(answer.status, answer.headers);
  } catch (error) {
    disregard(answer.body.close?.());
    throw error;
  }
  return answer.body;
}

/**
 * Answers with a file (U-65), in either convention: calls `startResponse` and gives the body. Conditions and a range
 * are answered for GET and HEAD, as `staticFiles` does; a file that is missing, or is none, gets 404.
 *
 * @param path from the current directory, or below `root`
 * @throws what the file system throws for a file that is there and cannot be read; what `startResponse` throws
 */
export function sendFile(environ: Environ, startResponse: StartResponse, path: string, options?: SendFileOptions): Body;
export function sendFile(
  environ: AsyncEnviron,
  startResponse: AsyncStartResponse,
  path: string,
  options?: SendFileOptions,
): Promise<AsyncBody>;
export function sendFile(
  environ: AnyEnviron,
  startResponse: (status: string, headers: HeaderFields) => unknown,
  path: string,
  options: SendFileOptions = {},
): Body | AsyncBody | Promise<AsyncBody> {
  const described = { type: mediaType(path), ...options };
  if (!isAsyncEnviron(environ)) {
    return begin(environ, startResponse, runSteps(opened(blockingFileSystem, path, options.root)), described);
  }
  const file = awaitSteps(opened(awaitedFileSystem, path, options.root));
  return file.then((found) => begin(environ, startResponse, found, described));
}
