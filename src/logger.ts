import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger };

/**
 * A logger of JSON lines, on standard output unless told otherwise. Errors of the database driver
 * are logged by their message, code and place, never with the statement's parameters or the row's
 * values (`detail`, and the message of a data exception).
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: describeError },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = "code" in error ? error.code : undefined;
  const message = quotesValue(code) ? "a data exception" : error.message;
  return {
    type: error.name,
    message,
    ...(code === undefined ? {} : { code }),
    stack: error.stack?.replace(error.message, () => message),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** Whether an SQLSTATE is of class 22: PostgreSQL's message then quotes the value at fault. */
function quotesValue(code: unknown): boolean {
  return typeof code === "string" && /^22[0-9A-Z]{3}$/.test(code);
}
