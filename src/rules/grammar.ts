/** The grammar of HTTP as far as TypeScript reads it. The parser (`assembly/`) has its own, in tables. */

/**
 * Three digits from 200 to 599, one space, and nothing or a text without control characters that neither starts nor
 * ends with a space (G-88, G-89).
 */
export const STATUS = /^[2-5][0-9]{2} (?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
/** RFC 9110, 5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110, 5.5, with obs-text as bytes of a native string: no control character but HTAB. */
export const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
export const DIGITS = /^[0-9]+$/;
