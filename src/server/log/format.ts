import { jsonFormat } from './json-lines.ts';
import type { AccessFormat } from './record.ts';
import { compileTemplate, NAMED_TEMPLATES } from './template.ts';

/**
 * The format that `accessLogFormat` names or describes. The formats common and combined are those of the Apache server
 * with the duration in milliseconds as one more field at the end.
 *
 * @throws ConfigurationError for a template that cannot be read
 */
export function accessFormat(format: string): AccessFormat {
  return format === 'json' ? jsonFormat() : compileTemplate(NAMED_TEMPLATES[format] ?? format);
}
