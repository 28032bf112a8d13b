import type { Logger } from "pino";

const databaseCheckMs = 5_000;

/** Asks the database now and then whether it is there, for readiness. */
export function watchDatabase(
  ask: () => Promise<unknown>,
  health: { set(check: string, ok: boolean, why?: string): void },
  logger: Logger,
): Disposable {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const check = async () => {
    try {
      await ask();
      health.set("database", true);
    } catch (error) {
      logger.warn({ err: error }, "the database does not answer");
      health.set("database", false, "cannot be reached");
    }
    if (!stopped) timer = setTimeout(check, databaseCheckMs);
  };
  void check();
  return {
    [Symbol.dispose]: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
