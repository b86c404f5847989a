/** The settings of the logs that are more than a choice. */
import { choice, expected, readPath, type Setting } from '../setting-kinds.ts';
import { compileTemplate, NAMED_TEMPLATES } from './template.ts';

const NAMES = [...Object.keys(NAMED_TEMPLATES), 'json'];

export const accessLogFormat: Setting<string, string> = {
  group: 'Logs',
  value: 'FORMAT',
  default: 'combined',
  text: 'Format of the access log: common or combined, which end with the milliseconds that the request took, json, or a template with the atoms of Apache or gunicorn, such as \'%h %t "%r" %>s %b\' (see docs/logs.md)',
  read(input) {
    if (typeof input !== 'string' || (!NAMES.includes(input) && !input.includes('%'))) {
      throw expected(`one of ${NAMES.join(', ')}, or a template such as '%h "%r" %>s'`, input);
    }
    if (!NAMES.includes(input)) compileTemplate(input);
    return input;
  },
  show: String,
};

export const accessLogFile: Setting<string, string> = {
  group: 'Logs',
  value: 'PATH',
  default: '-',
  defaultText: 'standard output',
  text: 'Append the access log to this file; "-" is standard output; SIGUSR1 and SIGUSR2 open the file anew',
  read: readPath,
  show: String,
};

export const errorLogFile: Setting<string, string> = {
  group: 'Logs',
  value: 'PATH',
  default: '-',
  defaultText: 'standard error',
  text: "Append the server's own messages, and what applications write to wsgi.errors and, on workers, to the console, to this file; opened anew as the access log is",
  read: readPath,
  show: String,
};

export const errorLogFormat = choice(
  'Logs',
  'auto',
  ['auto', 'text', 'json'],
  "Format of the server's own messages; auto is json where the access log has it, else text",
);

interface LogOptions {
  accessLog?: unknown;
  accessLogFormat?: string;
  errorLogFormat?: string;
}

/** Whether messages are objects, by the settings as they were given or as they are resolved. */
export function isJson({ accessLog, accessLogFormat, errorLogFormat = 'auto' }: LogOptions): boolean {
  return errorLogFormat === 'auto' ? accessLogFormat === 'json' && accessLog !== false : errorLogFormat === 'json';
}
