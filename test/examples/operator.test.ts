import { expect, it } from "vitest";
import { commands } from "../../examples/operator/commands.ts";
import { catalogue } from "../../examples/operator/events.ts";
import { createTestRecorder } from "../../src/client/testing.ts";

const cases = {
  "secret set": [["db-password", "3"], "admin", "success", { version: 3 }],
  "secret delete": [["db-password"], "admin", "warning", undefined],
  "secret list": [["12"], "admin", "info", { listed: 12 }],
  "secret rotate": [["db-password", "4"], "admin", "success", { version: 4 }],
  "policy add": [["no-egress", "deny"], "admin", "success", { effect: "deny" }],
  "policy delete": [["no-egress"], "admin", "warning", undefined],
  "app apply": [["web", "7", "a.yaml"], "team", "success", { revision: 7, changed: ["a.yaml"] }],
  "app rollback": [
    ["web", "7", "6", "slow"],
    "team",
    "warning",
    { to_revision: 6, reason: "slow" },
  ],
  "agent register": [["agent-1", "2.0"], "team", "success", { version: "2.0" }],
  "agent drain": [["agent-1"], "team", "warning", undefined],
  "backup create": [["nightly", "1024"], "team", "success", { size_bytes: 1024 }],
  "backup restore": [["nightly"], "admin", "warning", undefined],
} as const;

it.each(Object.entries(cases))("the operator's %s is recorded", (name, expected) => {
  const [args, scope, status, metadata] = expected;
  const recorder = createTestRecorder();
  const [first, ...rest] = args as readonly [string, ...string[]];
  commands[name]?.(catalogue.recordTo(recorder), first, ...rest);
  const [type = "", action = ""] = name.split(" ");
  expect(recorder.entries).toMatchObject([{ resource: { type }, action, scope, status }]);
  expect(recorder.entries[0]?.metadata).toEqual(metadata && expect.objectContaining(metadata));
  const id = name === "secret list" ? undefined : first;
  expect(recorder.entries[0]?.resource?.id).toBe(id);
});

it("each event of the operator has a command", () => {
  expect(catalogue.events.map(({ name }) => name.replace(".", " ")).sort()).toEqual(
    Object.keys(commands).sort(),
  );
  expect(Object.keys(cases).sort()).toEqual(Object.keys(commands).sort());
});
