import { expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { catalogue } from "../../../examples/sandbox-platform/events.ts";
import type { EntryJson } from "../../../src/client/entry-json.ts";
import type { EventSink } from "../../../src/client/events/amended.ts";
import { defineEvents } from "../../../src/client/events/define-events.ts";
import type { EventOptions } from "../../../src/client/events/typed-events.ts";

/** Never called: what does not compile here is an error of `npm run typecheck`. */
function compileTime(sink: EventSink) {
  const audit = catalogue.recordTo(sink);

  audit.sandbox.create("sb-1", { template: "node" });
  audit.sandbox.create("sb-1", { template: "node" }, { status: "error", resourceName: "build" });
  audit.sandbox.create(null, { template: "node" }, { status: "error" });
  audit.sandbox.pause("sb-1");
  audit.sandbox.pause("sb-1", { teamId: "team-1", occurTime: new Date() });
  audit.apiKey.create("key-1", { name: "ci" });
  audit.member.add("usr-1", { email: "a@b.org", role: "owner" });
  audit.snapshot.create("nightly");
  expectTypeOf(audit.sandbox.destroy.andWait("sb-1", { timeoutMs: 1 })).toEqualTypeOf<
    Promise<EntryJson>
  >();

  // @ts-expect-error another type's id
  audit.sandbox.pause("usr-1");
  // @ts-expect-error an id that may be any text
  audit.sandbox.pause("sb" as string);
  // @ts-expect-error an id that may be missing
  audit.sandbox.pause(undefined);
  // @ts-expect-error the id of the member is the user's
  audit.member.remove("member-1");
  // @ts-expect-error without the metadata that it needs
  audit.sandbox.create("sb-1");
  // @ts-expect-error without a part of it
  audit.team.rename("team-1", { old_name: "a" });
  // @ts-expect-error metadata of another type
  audit.sandbox.create("sb-1", { template: 1 });
  // @ts-expect-error none of the roles
  audit.member.roleUpdate("usr-1", { new_role: "king" });
  // @ts-expect-error an event without metadata
  audit.sandbox.pause("sb-1", { template: "node" });
  // @ts-expect-error an event that is not in the catalogue
  audit.sandbox.explode("sb-1");
  // @ts-expect-error a resource that is not in the catalogue
  audit.sandbocks.pause("sb-1");
  // @ts-expect-error no status
  audit.sandbox.pause("sb-1", { status: "fine" });
  // @ts-expect-error record does not wait
  audit.sandbox.pause("sb-1", { timeoutMs: 1 });

  const own = defineEvents(
    {
      volume: {
        resize: { metadata: z.object({ size_mb: z.number().default(1) }) },
        list: { id: "none" },
        attach: { id: { of: "user" } },
      },
      gpuHost: { drain: {} },
    },
    { prefixes: { volume: "vol", user: null, gpu_host: "gpu" } },
  ).recordTo(sink);
  expectTypeOf(own.volume.resize).parameters.toEqualTypeOf<
    [
      id: `vol-${string}` | null,
      metadata?: { size_mb?: number | undefined },
      options?: EventOptions,
    ]
  >();
  expectTypeOf(own.volume.list).parameters.toEqualTypeOf<[options?: EventOptions]>();
  expectTypeOf(own.volume.attach).parameter(0).toEqualTypeOf<string | null>();
  expectTypeOf(own.gpuHost.drain).parameter(0).toEqualTypeOf<`gpu-${string}` | null>();

  // @ts-expect-error a misspelt property
  defineEvents({ door: { open: { statuss: "info" } } });
  // @ts-expect-error no scope
  defineEvents({ door: { open: { scope: "everyone" } } });
  // @ts-expect-error metadata is an object
  defineEvents({ door: { open: { metadata: z.string() } } });
  // @ts-expect-error no schema
  defineEvents({ door: { open: { metadata: { key: "string" } } } });
}

it("types ids, metadata and options by the definitions", () => {
  expectTypeOf(compileTime).toBeFunction();
  expect(catalogue.events.map(({ name }) => name)).toContain("sandbox.autoPause");
});
