import type { Recorder } from "../recorder/recorder.ts";
import type { RecorderEvents } from "../recorder/stats.ts";

/**
 * The method by which a catalogue tells its recorder that an event was recorded without a part of it that
 * was wrong; the recorder tells its `amended` listeners. A recorder may lack it: the entry has a note too.
 */
export const tellAmended: unique symbol = Symbol.for("annals.tellAmended");

/** A recorder as a catalogue needs it. */
export type EventSink = Pick<Recorder, "record" | "recordAndWait"> & {
  readonly [tellAmended]?: (amendment: RecorderEvents["amended"]) => void;
};
