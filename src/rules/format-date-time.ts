/**
 * Seconds since 1970 as an IMF-fixdate (RFC 9110, 5.6.7; U-30): 0 gives `Thu, 01 Jan 1970 00:00:00 GMT`. Independent of
 * locale and time zone: ECMAScript fixes the form of `toUTCString`.
 *
 * @throws RangeError for what is no time
 */
export function formatDateTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new RangeError(`not a time in seconds: ${seconds}`);
  return date.toUTCString();
}
