/** Tells of mistakes in a program's use of contexts, without disturbing the request that met them. */

const told = new Set<string>();

/**
 * Emits a process warning (`AnnalsWarning`, with the code), the first time in this process that
 * something of this code goes wrong: a callback that throws does so on every request.
 */
export function warnOnce(code: string, message: string, cause?: unknown): void {
  if (told.has(code)) return;
  told.add(code);
  const detail = cause === undefined ? "" : `: ${causeText(cause)}`;
  process.emitWarning(`${message}${detail}`, { type: "AnnalsWarning", code });
}

/** What was thrown may be anything, and may itself throw when it is looked at. */
function causeText(cause: unknown): string {
  try {
    return String(cause instanceof Error ? (cause.stack ?? cause.message) : cause);
  } catch {
    return "something that cannot be shown";
  }
}
