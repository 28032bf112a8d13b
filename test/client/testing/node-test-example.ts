/** Run by node-test.test.ts under Node's own test runner. */
import { test } from "node:test";
import { assertRecorded, createTestRecorder } from "../../../src/client/testing.ts";

test("finds what was recorded", () => {
  const recorder = createTestRecorder();
  recorder.record({ action: "create", resource: { type: "snapshot", id: "nightly" } });
  assertRecorded(recorder, { action: "create", resource: { id: "nightly" } });
});

test("tells of what was not", () => {
  const recorder = createTestRecorder();
  recorder.record({ action: "create", resource: { type: "snapshot", id: "nightly" } });
  assertRecorded(recorder, { action: "create", resource: { id: "weekly" } });
});
