import { recordedOnlyVerdict, recordedVerdict } from "./assert-recorded.ts";
import type { EntryPattern } from "./match-entry.ts";
import type { TestRecorder } from "./test-recorder.ts";

/** The matchers as `expect(recorder)` has them. */
export interface AuditMatchers<Result = void> {
  /** Some entry is as expected. */
  toHaveRecorded(expected: EntryPattern): Result;
  /** The entries are as expected, in this order, and no more; without arguments: there are none. */
  toHaveRecordedOnly(...expected: readonly EntryPattern[]): Result;
}

/**
 * Matchers for vitest, also understood by Jest: `expect.extend(auditMatchers)`. Import them from
 * `@annals/client/testing/vitest`, and `expect` has their types as well.
 */
export const auditMatchers = {
  toHaveRecorded(recorder: TestRecorder, expected: EntryPattern) {
    return matched(recordedVerdict(recorder, expected));
  },
  toHaveRecordedOnly(recorder: TestRecorder, ...expected: readonly EntryPattern[]) {
    return matched(recordedOnlyVerdict(recorder, expected));
  },
};

function matched({ pass, message }: { pass: boolean; message: string }) {
  return { pass, message: () => message };
}
