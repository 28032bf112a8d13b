import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineEvents } from "../../../src/client/events/define-events.ts";
import { createTestRecorder } from "../../../src/client/testing.ts";

const uuid = "0190a7c4-8d2e-4c3a-9f10-2b6f0e4d5a61";

interface Tree {
  name: string;
  children: Tree[];
}
const tree: z.ZodType<Tree> = z.object({ name: z.string(), children: z.array(z.lazy(() => tree)) });

const catalogue = defineEvents({
  sandbox: {
    create: {
      metadata: z.object({ template: z.string(), size: z.enum(["s", "l"]).optional() }),
      description: "Someone | made\none.",
    },
    list: { id: "none" },
    "auto-pause": { action: "pause", actor: "system" },
  },
  member: { leave: { id: { of: "user" }, actor: "self", scope: "admin" } },
  plan: {
    grow: { id: "name", metadata: tree },
    bend: { metadata: z.object({}).transform(() => ({ at: 1 })) },
  },
});

/** The parser of zod as a validator, so that the schema is read by somebody else than its writer. */
const schema = catalogue.toJsonSchema({ id: "https://example.org/audit", title: "Ours" });
const validator = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);

describe("the page", () => {
  it("has a row for each event, in order", () => {
    expect(catalogue.toMarkdown({ title: "Ours", introduction: "All of it." })).toBe(`# Ours

All of it.

| Resource | Event | Action | Scope | Status | Resource id | Metadata | Actor | Meaning |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| \`sandbox\` | \`sandbox.create\` | \`create\` | team | success | \`sb-{uuid}\` | \`template\`: string, \`size\`: \`s\` or \`l\` (optional) | | Someone \\| made one. |
| \`sandbox\` | \`sandbox.list\` | \`list\` | team | success | none | | | |
| \`sandbox\` | \`sandbox.auto-pause\` | \`pause\` | team | success | \`sb-{uuid}\` | | system | |
| \`member\` | \`member.leave\` | \`leave\` | admin | success | \`usr-{uuid}\` of the user | | the resource itself | |
| \`plan\` | \`plan.grow\` | \`grow\` | team | success | its name | \`name\`: string, \`children\`: array | | |
| \`plan\` | \`plan.bend\` | \`bend\` | team | success | text | as its schema says | | |
`);
  });
});

describe("the JSON schema", () => {
  it("says what it is, and is the same each time", () => {
    expect(schema).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $id: "https://example.org/audit",
      title: "Ours",
    });
    expect(JSON.stringify(catalogue.toJsonSchema())).toBe(JSON.stringify(catalogue.toJsonSchema()));
  });

  it("takes every entry that the catalogue records", () => {
    const recorder = createTestRecorder({ mistakes: "collect" });
    const audit = catalogue.recordTo(recorder);
    audit.sandbox.create(`sb-${uuid}`, { template: "node" }, { status: "error" });
    audit.sandbox.create(`sb-${uuid}`, { template: 7 } as never);
    audit.sandbox.create("7" as never, { template: "node", size: "l" });
    audit.sandbox.list({ teamId: `team-${uuid}` });
    audit.sandbox["auto-pause"](`sb-${uuid}`, { context: { requestId: "r" } });
    audit.member.leave(`usr-${uuid}`);
    audit.plan.bend("1", {});
    expect(recorder.entries).toHaveLength(7);
    for (const entry of recorder.entries) {
      expect(validator.safeParse(entry), JSON.stringify(entry)).toMatchObject({ success: true });
    }
  });

  it.each([
    ["another action", { action: "explode" }],
    ["another scope", { scope: "admin" }],
    ["no metadata", { metadata: undefined }],
    ["wrong metadata", { metadata: { template: 1 } }],
    ["an id without its prefix", { resource: { type: "sandbox", id: "1" } }],
    ["another resource", { resource: { type: "box" } }],
  ])("does not take an entry with %s", (_what, change) => {
    const entry = {
      resource: { type: "sandbox", id: `sb-${uuid}` },
      action: "create",
      scope: "team",
      status: "success",
      metadata: { template: "node" },
    };
    expect(validator.safeParse(entry).success).toBe(true);
    expect(validator.safeParse({ ...entry, ...change }).success).toBe(false);
  });

  it("gives a schema that refers to itself a root of its own", () => {
    const grow = (schema.$defs as Record<string, Definition>)["plan.grow"];
    expect(grow?.properties.metadata.anyOf[0]).toMatchObject({
      $id: "urn:annals:event:plan.grow:metadata",
      type: "object",
    });
  });
});

interface Definition {
  properties: { metadata: { anyOf: unknown[] } };
}
