/**
 * `@annals/client/testing`: asserting what a program records.
 *
 * @module testing
 */
export {
  assertNotRecorded,
  assertRecorded,
  assertRecordedOnly,
} from "./testing/assert-recorded.ts";
export { type AuditMatchers, auditMatchers } from "./testing/audit-matchers.ts";
export type { EntryPattern, Pattern } from "./testing/match-entry.ts";
export {
  createTestRecorder,
  RecordingMistake,
  type TestEntry,
  type TestRecorder,
  type TestRecorderOptions,
} from "./testing/test-recorder.ts";
