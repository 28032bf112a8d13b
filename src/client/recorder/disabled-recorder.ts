import { NotRecordedError, type Recorder } from "./recorder.ts";
import { Tally } from "./tally.ts";

const nothing = { entries: 0, bytes: 0 };
let warned = false;

/** A recorder that does nothing, for programs and tests without a server; the first one of a process says so. */
export function disabledRecorder(): Recorder {
  if (!warned) {
    warned = true;
    process.emitWarning("audit recorder: no baseUrl, so nothing is recorded", "AnnalsWarning");
  }
  return {
    record: () => undefined,
    recordAndWait: () =>
      Promise.reject(
        new NotRecordedError("dropped", "not_configured", "the recorder has no baseUrl"),
      ),
    flush: () => Promise.resolve(true),
    close: () => Promise.resolve(),
    get stats() {
      return { ...new Tally().copy(), waiting: nothing, onDisk: nothing };
    },
    on: () => () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
