/** SIGINT and SIGTERM as an AbortSignal. */

/** Aborted by the first signal; a second one ends the process as if there were no handler. */
export function untilInterrupted(): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const dispose = () => {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  };
  const interrupt = () => {
    controller.abort();
    dispose();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return { signal: controller.signal, [Symbol.dispose]: dispose };
}
