import type { RecorderEvents } from "./stats.ts";

/** The same kind of event is warned of no more often. */
const everyMs = 60_000;

/** Warns of events that no listener of the program takes, as process warnings and not too often. */
export class Warnings {
  readonly #last = new Map<string, number>();

  warn<Name extends keyof RecorderEvents>(name: Name, event: RecorderEvents[Name]): void {
    const text = textOf[name](event);
    if (text === undefined) return;
    const now = performance.now();
    const last = this.#last.get(name);
    if (last !== undefined && now - last < everyMs) return;
    this.#last.set(name, now);
    process.emitWarning(`audit recorder: ${text}`, "AnnalsWarning");
  }
}

const textOf: {
  [Name in keyof RecorderEvents]: (event: RecorderEvents[Name]) => string | undefined;
} = {
  refused: ({ entry, reason, message }) =>
    `an entry (action ${JSON.stringify(entry.action)}) was refused: ${reason}: ${message}`,
  dropped: ({ reason, entries }) => `${entries} entries were lost (${reason})`,
  unreachable: ({ error }) => `entries wait, the server cannot take them: ${error.message}`,
  reachable: () => undefined,
  spill_failed: ({ error }) => `the spill directory cannot be used: ${error.message}`,
  amended: ({ action, message }) => `an entry (action ${JSON.stringify(action)}): ${message}`,
};
