import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { RecordResultSchema } from "../../../gen/audit/v1/audit_service_pb.ts";
import { outcomeOf } from "../../../src/client/recorder/outcome.ts";

test.each([
  [1_500, 1_500],
  [86_400_000, 60_000],
])("an entry that is to be sent again after %d ms waits %d ms", (asked, delayMs) => {
  const value = { code: Code.ResourceExhausted, retryDelay: durationFromMs(asked) };
  const result = create(RecordResultSchema, { outcome: { case: "error", value } });
  expect(outcomeOf(result)).toEqual({ kind: "later", delayMs });
});
