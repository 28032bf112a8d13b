/** Asking before what cannot be undone. */
import { createInterface } from "node:readline/promises";
import { ReportedFailure, UsageError } from "./failure.ts";
import { warn } from "./output.ts";
import { plainText } from "./plain-text.ts";

/**
 * Asks for a typed `yes`.
 *
 * @throws UsageError where nobody can be asked, ReportedFailure unless that is the answer.
 */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError("it cannot be undone, and there is no terminal to ask on: give --yes");
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Ended by Ctrl-C or Ctrl-D, the question would stay without an answer.
  const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
  const asked = terminal.question(`${plainText(question)} Type yes to go on: `);
  const answer = await Promise.race([asked, closed]);
  terminal.close();
  if (answer.trim() === "yes") return;
  warn("annals: nothing was done");
  throw new ReportedFailure();
}
