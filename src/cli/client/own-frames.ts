import { fileURLToPath } from 'node:url';
import { framePosition } from '../../rules/stack-frame.ts';

/** The folder of this package's code. */
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

/** A report on an error without the frames of its stacks that are not in the code of its reader. */
export function withOwnFrames(report: string): string {
  return report
    .split('\n')
    .filter((line) => {
      if (!line.startsWith('    at ')) return true;
      const file = framePosition(line)?.file ?? PACKAGE;
      return !file.startsWith(PACKAGE) && !/[\\/]node_modules[\\/]/.test(file);
    })
    .join('\n');
}
