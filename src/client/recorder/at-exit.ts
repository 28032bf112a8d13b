/** Recorders with entries waiting when the process ends. */

/** What a recorder does when the process ends. */
export interface EndingRecorder {
  /** Nothing else keeps the process running: what can be waited for, is. */
  finish(): Promise<void>;
  /** The process ends now; nothing asynchronous happens any more. */
  abandon(): void;
}

/** One pair of listeners for all: each recorder's own would bring Node's warning of a leak. */
const open = new Set<EndingRecorder>();

/** Has the recorder hear of the end, until the answered function is called. */
export function atExit(recorder: EndingRecorder): () => void {
  if (open.size === 0) {
    process.on("beforeExit", finishAll);
    process.on("exit", abandonAll);
  }
  open.add(recorder);
  return () => {
    open.delete(recorder);
    if (open.size > 0) return;
    process.off("beforeExit", finishAll);
    process.off("exit", abandonAll);
  };
}

function finishAll(): void {
  for (const recorder of open) void recorder.finish();
}

function abandonAll(): void {
  for (const recorder of open) recorder.abandon();
}
