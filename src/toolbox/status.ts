export function statusLine(code: number): string {
  return `${code} X`;
}
