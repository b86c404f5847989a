import { isOwnCode } from '../../rules/own-files.ts';
import { framePosition } from '../../rules/stack-frame.ts';

/** A report on an error without the frames of its stacks that are not in the code of its reader. */
export function withOwnFrames(report: string): string {
  return report
    .split('\n')
    .filter((line) => {
      if (!line.startsWith('    at ')) return true;
      const file = framePosition(line)?.file;
      return file !== undefined && !isOwnCode(file) && !/[\\/]node_modules[\\/]/.test(file);
    })
    .join('\n');
}
