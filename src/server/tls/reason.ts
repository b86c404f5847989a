/** The few words of an error that tell what is wrong, where OpenSSL and the system say more: `no start line`, `ENOENT`. */
export function reasonOf(error: unknown): string {
  const { code, reason, message }: { code?: unknown; reason?: unknown; message?: unknown } = Object(error);
  return String(reason ?? code ?? message);
}
