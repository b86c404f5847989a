/** SCGI as a front server speaks it: latin-1 text, a unit a byte. */
export function netstring(text: string): string {
  return `${text.length}:${text},`;
}

export function headers(variables: { [name: string]: string }): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}\0${value}\0`)
    .join('');
}

/** A whole request. */
export function request(variables: { [name: string]: string } = {}, body = ''): string {
  const all = {
    CONTENT_LENGTH: String(body.length),
    SCGI: '1',
    REQUEST_METHOD: 'GET',
    REQUEST_URI: '/',
    DOCUMENT_URI: '/',
    QUERY_STRING: '',
    SERVER_NAME: 'front',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '192.0.2.1',
    ...variables,
  };
  return netstring(headers(all)) + body;
}
