/** The few words of an error that tell what is wrong: `no start line` of OpenSSL, `ENOENT` of the system. */
export function reasonOf(error: unknown): string {
  const { code, reason, message }: { code?: unknown; reason?: unknown; message?: unknown } = Object(error);
  return String(reason ?? code ?? message);
}
