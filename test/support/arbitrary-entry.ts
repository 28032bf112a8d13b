import { randomUUIDv7 } from "node:crypto";
import fc from "fast-check";
import type { EntryId, TeamId } from "../../src/ids.ts";
import {
  actorTypes,
  type Json,
  type JsonObject,
  type NewEntry,
  scopes,
  statuses,
} from "../../src/log/entry.ts";
import { encodedBytes } from "../../src/log/size.ts";
import { canonicalAddress } from "../../src/rpc/text.ts";

/** Any text the codec lets through: every plane of Unicode, but no NUL and no lone surrogate. */
const text = fc
  .string({ unit: "binary", minLength: 1, maxLength: 40 })
  .map((value) => value.replaceAll("\0", "0"));

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.constantFrom(0, 1e21, 2 ** 53, 5e-324, 1.7976931348623157e308, -1e-7, 123456789.125),
);

const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    number,
    text,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4 }),
  ),
})).value;

/** An address as the codec stores it. */
export const address = fc
  .oneof(fc.ipV4(), fc.ipV6())
  .map((value) => canonicalAddress(value))
  .filter((value) => value !== undefined);

const time = fc.integer({
  min: Date.parse("0001-01-01T00:00:00.000Z"),
  max: Date.parse("9999-12-31T23:59:59.999Z"),
});

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** An object without its undefined members. */
function present<T extends object>(members: object): T {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as T;
}

/** Entries to record in a team, as the codec makes them, with ids of their own. */
export function arbitraryEntry(teamId: TeamId): fc.Arbitrary<NewEntry> {
  return fc
    .record({
      actorType: fc.constantFrom(...actorTypes),
      actorId: text,
      resource: optional(fc.record({ type: text, id: optional(text) })),
      action: text,
      scope: fc.constantFrom(...scopes),
      status: fc.constantFrom(...statuses),
      occurTime: optional(time),
      details: fc.record({
        actorName: optional(text),
        resourceName: optional(text),
        metadata: optional(fc.dictionary(text, json, { maxKeys: 5 })),
        ipAddress: optional(address),
        userAgent: optional(text),
        requestId: optional(text),
        traceId: optional(text),
      }),
    })
    .map(({ actorType, actorId, resource, details, ...rest }) => {
      const { resourceName, ...others } = details;
      const entry: Omit<NewEntry, "bytes"> = present({
        ...rest,
        id: randomUUIDv7() as EntryId,
        teamId,
        recorder: { type: "service", id: "tests" },
        actor: { type: actorType, id: actorType === "system" ? "system" : actorId },
        resource: resource && present(resource),
        details: present({
          ...others,
          metadata: others.metadata as JsonObject | undefined,
          // A name needs a resource to name.
          resourceName: resource && resourceName,
        }),
      });
      return { ...entry, bytes: encodedBytes(entry) };
    });
}
