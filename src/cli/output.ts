/** Standard output and standard error, as the commands use them. */
import { styleText } from "node:util";

/** A style of `node:util`. */
export type Style = Parameters<typeof styleText>[0];

/**
 * Writes to standard output; resolves when the reader has taken it, so that a slow one slows the
 * command. Rejects with EPIPE when the reader has gone.
 */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** Writes lines to standard error. */
export function warn(...lines: string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/** The text in a style, if standard output is a terminal with colours and NO_COLOR is not set. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** The terminal's width in columns; Infinity for pipes and files, which cut nothing. */
export function outputWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
}

/** Whether an error means that the reader of our output has gone, as with `| head`. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
