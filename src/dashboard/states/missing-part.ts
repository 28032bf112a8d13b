/**
 * Parts of the page are loaded when they are first needed. After an upgrade of the server those of a
 * page that was open before are gone.
 */

const failures = new WeakSet<Error>();

/** Takes note of parts that could not be loaded, of which Vite tells the window, from now on. */
export function noteMissingParts(): void {
  window.addEventListener("vite:preloadError", ({ payload }) => failures.add(payload));
}

/** Whether something failed for want of a part. */
export function isMissingPart(reason: unknown): boolean {
  return reason instanceof Error && failures.has(reason);
}
