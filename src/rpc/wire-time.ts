import { create } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import type { Millis } from "../log/entry.ts";
import type { Violations } from "./text.ts";

const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;
/** The last time that the wire can carry. */
export const lastTime: Millis = Number(lastSecond) * 1_000 + 999;

/** Whole milliseconds of a timestamp, finer parts cut off; undefined (and noted) if invalid. */
export function decodeTime(
  time: Timestamp,
  field: string,
  violations: Violations,
): Millis | undefined {
  if (time.seconds < firstSecond || time.seconds > lastSecond) {
    violations.add(field, "must be in the years 0001 to 9999");
    return undefined;
  }
  if (time.nanos < 0 || time.nanos > 999_999_999) {
    violations.add(field, "must have nanos from 0 to 999,999,999");
    return undefined;
  }
  return Number(time.seconds) * 1_000 + Math.floor(time.nanos / 1_000_000);
}

/** A time on the wire. */
export function encodeTime(time: Millis): Timestamp {
  const seconds = Math.floor(time / 1_000);
  return create(TimestampSchema, {
    seconds: BigInt(seconds),
    nanos: (time - seconds * 1_000) * 1_000_000,
  });
}

/** A length of time in whole seconds, on the wire. */
export function encodeDuration(ms: number): Duration {
  return create(DurationSchema, { seconds: BigInt(ms / 1_000) });
}
