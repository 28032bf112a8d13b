import { describe, expect, it } from "vitest";
import { auditMatchers } from "../../../src/client/testing/vitest.ts";
import {
  assertNotRecorded,
  assertRecorded,
  assertRecordedOnly,
  createTestRecorder,
} from "../../../src/client/testing.ts";

expect.extend(auditMatchers);

const sandbox = "sb-0190a7c4-8d2e-4c3a-9f10-2b6f0e4d5a61";
const resource = { type: "sandbox", id: sandbox };

function recorded() {
  const recorder = createTestRecorder();
  recorder.record({ action: "create", resource, metadata: { template: "node", sizes: [1, 2] } });
  recorder.record({ action: "destroy", resource, status: "warning", occurTime: new Date(0) });
  return recorder;
}

/** What the assertion throws. */
function failure(assertion: () => void): Error {
  try {
    assertion();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

describe("expect(recorder)", () => {
  it("takes the parts of an entry that matter", () => {
    const recorder = recorded();
    expect(recorder).toHaveRecorded({ action: "create", resource: { type: "sandbox" } });
    expect(recorder).toHaveRecorded({ metadata: { template: /^no/ } });
    expect(recorder).toHaveRecorded({ metadata: { sizes: expect.arrayContaining([2]) } });
    expect(recorder).toHaveRecorded({ occurTime: new Date(0), metadata: undefined });
    expect(recorder).not.toHaveRecorded({ action: "create", status: "warning" });
    expect(recorder).not.toHaveRecorded({ metadata: { sizes: [1] } });
    expect(recorder).toHaveRecordedOnly({ action: "create" }, { action: "destroy" });
    expect(recorder).not.toHaveRecordedOnly({ action: "create" });
    expect(recorder).not.toHaveRecordedOnly({ action: "destroy" }, { action: "create" });
    expect(createTestRecorder()).toHaveRecordedOnly();
  });

  it("says how the closest entry differs, and what was recorded", () => {
    const { message } = failure(() => {
      expect(recorded()).toHaveRecorded({ action: "destroy", resource, status: "info" });
    });
    expect(message).toContain("closest is entry 2:\n  status: expected 'info', recorded 'warning'");
    expect(message).toContain("action: 'create'");
    const empty = failure(() => {
      expect(createTestRecorder()).toHaveRecorded({ action: "create" });
    });
    expect(empty.message).toContain("nothing was recorded");
    const only = failure(() => {
      expect(recorded()).toHaveRecordedOnly({ action: "create" }, { action: "pause" });
    });
    expect(only.message).toContain("entry 2: action: expected 'pause', recorded 'destroy'");
  });

  it("fails, whatever is asked, when the program has recorded what would be refused", () => {
    const recorder = createTestRecorder();
    failure(() => recorder.record({ action: "No" }));
    for (const assertion of [
      () => expect(recorder).not.toHaveRecorded({ action: "create" }),
      () => expect(recorder).toHaveRecordedOnly(),
    ]) {
      expect(failure(assertion).message).toContain("would be refused");
    }
  });

  it("is of no use with anything else", () => {
    const other = { entries: [] };
    expect(failure(() => expect(other).toHaveRecorded({})).message).toContain("createTestRecorder");
  });
});

describe("assertions", () => {
  it("pass and fail as the matchers do", () => {
    const recorder = recorded();
    assertRecorded(recorder, { action: "create" });
    assertNotRecorded(recorder, { action: "pause" });
    assertRecordedOnly(recorder, { action: "create" }, { action: /^des/ });
    for (const assertion of [
      () => assertRecorded(recorder, { action: "pause" }),
      () => assertNotRecorded(recorder, { action: "create" }),
      () => assertRecordedOnly(recorder, { action: "create" }),
      () => assertRecordedOnly(recorder, { action: "create" }, { action: "create" }),
    ]) {
      const error = failure(assertion);
      expect(error).toMatchObject({ code: "ERR_ASSERTION", actual: recorder.entries });
      expect(error.message).toContain("recorded:\n  1. { action: 'create'");
    }
  });
});
