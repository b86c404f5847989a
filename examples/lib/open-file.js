// @ts-check
/**
 * An open file in the form that wsgi.file_wrapper takes.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** @import { FileLike } from 'quaich' */

/** A regular file. @implements {FileLike} */
export class OpenFile {
  #open = true;

  /** @param {string} path not followed where it is a symbolic link */
  constructor(path) {
    /** Lets the server send the file by itself; it is read from here otherwise. */
    this.fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    /** Of the file that is open, whatever has become of the path since. */
    this.stat = fstatSync(this.fd);
    /** A strong validator (RFC 9110 section 8.8.3), as good as the clock of the file system. */
    this.tag = `"${this.stat.size.toString(16)}-${Math.floor(this.stat.mtimeMs).toString(16)}"`;
  }

  /**
   * @param {number} size bytes
   * @returns {Uint8Array} empty at the end
   */
  read(size) {
    const block = new Uint8Array(size);
    return block.subarray(0, readSync(this.fd, block, 0, size, null));
  }

  /** Once is enough: a descriptor number that was closed may belong to another file a moment later. */
  close() {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}

/**
 * What `wsgi.file_wrapper` does, for servers that have none.
 *
 * @param {FileLike} file
 * @param {number} [size] of a block, in bytes
 */
export function plainBody(file, size = 65536) {
  return {
    *[Symbol.iterator]() {
      for (let block = file.read(size); block.length > 0; block = file.read(size)) yield block;
    },
    close: () => file.close?.(),
  };
}
