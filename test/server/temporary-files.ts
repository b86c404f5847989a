import { readdirSync, readlinkSync } from 'node:fs';

/** Where the system shows the files without a name that this process has open. */
export function temporaryFiles(): string[] {
  const paths = readdirSync('/proc/self/fd').map((fd) => `/proc/self/fd/${fd}`);
  return paths.filter((path) => {
    try {
      return /\/quaich-.*\(deleted\)$/.test(readlinkSync(path));
    } catch {
      return false; // that of the folder itself
    }
  });
}
