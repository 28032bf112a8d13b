import { AssertionError } from "node:assert";
import { differences, type EntryPattern, shown } from "./match-entry.ts";
import { TestRecorder } from "./test-recorder.ts";

/** Whether the recorder has recorded as expected, and what to say if that is not what was wanted. */
export interface Verdict {
  readonly pass: boolean;
  readonly message: string;
}

const listedEntries = 20;

/** Whether some entry is as expected. */
export function recordedVerdict(recorder: TestRecorder, pattern: EntryPattern): Verdict {
  const { entries } = checked(recorder);
  const faults = entries.map((entry) => differences(entry, pattern));
  const at = faults.findIndex((lines) => lines.length === 0);
  if (at >= 0) {
    return {
      pass: true,
      message: `expected no entry like ${shown(pattern)}, but recorded\n${list(entries)}`,
    };
  }
  const counts = faults.map((lines) => lines.length);
  const closest = counts.indexOf(Math.min(...counts));
  const lines = [
    `no recorded entry is like ${shown(pattern)}`,
    ...(faults[closest] === undefined
      ? []
      : [`closest is entry ${closest + 1}:`, ...faults[closest].map((line) => `  ${line}`)]),
    list(entries),
  ];
  return { pass: false, message: lines.join("\n") };
}

/** Whether the entries are as expected, each, in this order, and no more. */
export function recordedOnlyVerdict(
  recorder: TestRecorder,
  patterns: readonly EntryPattern[],
): Verdict {
  const { entries } = checked(recorder);
  const faults = patterns.flatMap((pattern, i) => {
    const entry = entries[i];
    if (entry === undefined) return [`entry ${i + 1}: none like ${shown(pattern)}`];
    return differences(entry, pattern).map((line) => `entry ${i + 1}: ${line}`);
  });
  const pass = faults.length === 0 && entries.length === patterns.length;
  const expected = pass ? "expected other entries" : `expected ${patterns.length} entries`;
  const lines = [`${expected}, recorded ${entries.length}`, ...faults, list(entries)];
  return { pass, message: lines.join("\n") };
}

/**
 * Asserts that some entry is as expected.
 *
 * @throws AssertionError that says how the closest entry differs, and lists what was recorded;
 *   RecordingMistake if something was recorded that the server would refuse.
 */
export function assertRecorded(recorder: TestRecorder, expected: EntryPattern): void {
  const { pass, message } = recordedVerdict(recorder, expected);
  if (!pass) fail(message, recorder.entries, expected, assertRecorded);
}

/** Asserts that no entry is like this. @throws as assertRecorded. */
export function assertNotRecorded(recorder: TestRecorder, unexpected: EntryPattern): void {
  const { pass, message } = recordedVerdict(recorder, unexpected);
  if (pass) fail(message, recorder.entries, unexpected, assertNotRecorded);
}

/** Asserts that the entries are as expected, in this order, and no more. @throws as assertRecorded. */
export function assertRecordedOnly(
  recorder: TestRecorder,
  ...expected: readonly EntryPattern[]
): void {
  const { pass, message } = recordedOnlyVerdict(recorder, expected);
  if (!pass) fail(message, recorder.entries, expected, assertRecordedOnly);
}

function checked(recorder: TestRecorder): TestRecorder {
  if (!(recorder instanceof TestRecorder)) {
    throw new TypeError("a recorder made by createTestRecorder is needed");
  }
  recorder.throwMistake();
  return recorder;
}

function list(entries: TestRecorder["entries"]): string {
  if (entries.length === 0) return "nothing was recorded";
  const lines = entries.slice(0, listedEntries).map(({ id: _, action, resource, ...rest }, i) => {
    return `  ${i + 1}. ${shown({ action, ...(resource && { resource }), ...rest })}`;
  });
  const more = entries.length - lines.length;
  return ["recorded:", ...lines, ...(more > 0 ? [`  and ${more} more`] : [])].join("\n");
}

function fail(
  message: string,
  actual: unknown,
  expected: unknown,
  stackStartFn: (...args: never) => void,
): never {
  throw new AssertionError({
    message,
    actual,
    expected,
    operator: stackStartFn.name,
    stackStartFn,
  });
}
