import { randomBytes, randomUUIDv7 } from "node:crypto";
import fc from "fast-check";
import type { EntryId, TeamId } from "../../src/ids.ts";
import { entryLimits } from "../../src/limits.ts";
import {
  actorTypes,
  type Entry,
  hasDetails,
  type Json,
  type JsonObject,
  type NewEntry,
  scopes,
  statuses,
} from "../../src/log/entry.ts";
import { detailsDigest, leafHash, saltBytes } from "../../src/log/leaf.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { encodedBytes } from "../../src/log/size.ts";
import { canonicalAddress, checkMetadata, Violations } from "../../src/rpc/text.ts";

/** Texts that something on the way might normalise, escape, trim, cut or take for another. */
const oddTexts = [
  // Composed and decomposed, and characters that equal others by compatibility only.
  ...["\u00e9", "e\u0301", "\u212b", "\u00c5", "A\u030a", "\ufb01", "\u1e9b\u0323", "\uac00"],
  ...["\u1100\u1161", "a\u0301\u0323", "a\u0323\u0301", "\u0301", "Z\u0351\u036b\u0343\u036a"],
  // Line ends of all kinds, controls, spaces, directions, joiners, marks of byte order.
  ...["\n", "\r\n", "\t", "\u0001\u001f", "\u007f", "\u0085", "\u2028", "\u2029", "\b\f\v"],
  ...[" ", " a ", "\u00a0", "\u3000", "\u202eabc\u202c", "\u2066x\u2069", "\u200d", "\ufeff"],
  ...["\ufefftext", "\ufffe", "\uffff", "\ufdd0", "\u{1fffe}", "\u{10ffff}", "\ufffd", "\u00ad"],
  // Quoting and escapes of JSON, SQL, arrays, LIKE, HTML, URLs and formulas.
  ...['"', "\\", "\\u0000", "\\ud800", "'", "''; --", "{a,b}", "NULL", "null", "%_", "\\x00", "$1"],
  ...["</script>", "&amp;", "%00", "=1+1", "true", "1e400", "-0", "\u{1f469}\u200d\u{1f4bb}"],
];

/** A character of any plane of Unicode, neither NUL nor a surrogate. */
export const arbitraryCharacter = fc
  .tuple(fc.integer({ min: 0, max: 16 }), fc.integer({ min: 1, max: 0xffff }))
  .filter(([plane, at]) => plane > 0 || at < 0xd800 || at > 0xdfff)
  .map(([plane, at]) => String.fromCodePoint(plane * 0x1_0000 + at));

/** Any text the codec lets through, not empty, up to the most bytes there may be. */
function text(maxBytes: number = entryLimits.textBytes): fc.Arbitrary<string> {
  return fc
    .oneof(
      fc.string({ unit: arbitraryCharacter, minLength: 1, maxLength: 40 }),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
      fc.constantFrom(...oddTexts),
      fc.array(fc.constantFrom(...oddTexts), { minLength: 2, maxLength: 5 }).map((t) => t.join("")),
      fc
        .constantFrom("x", "\u00e9", "\u20ac", "\u{1f986}", "\u0301", "\u2028")
        .map((unit) => unit.repeat(maxBytes / Buffer.byteLength(unit))),
    )
    .filter((value) => Buffer.byteLength(value) <= maxBytes && !value.includes("\0"));
}

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    ...[0, -0, 1e21, -1e21, 1e20, 2 ** 53, 2 ** 53 - 1, 2 ** 53 + 2, -(2 ** 53), 2 ** 63, 2 ** 64],
    ...[5e-324, -5e-324, 2.2250738585072014e-308, 2.225073858507201e-308],
    ...[1.7976931348623157e308, -1.7976931348623157e308, 0.1 + 0.2, 1e-6, 1e-7, -1e-7],
    ...[123456789.125, 333333333.3333332, 1424953923781206.2, 4.35, 0.000035, 1e23],
  ),
);

/**
 * Keys that objects have already, that look like indexes, or that sort differently elsewhere. Not the
 * key `\`: objects with it have JSON.parse misread others (see src/log/exact-json.ts), and the
 * library's reading of protobuf JSON, which tests go through, is JSON.parse.
 */
const key = fc
  .oneof(
    text(),
    fc.constantFrom(
      ...["", "__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "length", "v"],
      ...["0", "1", "2", "10", "01", "-1", "1.5", "4294967294", "4294967295", "4294967296", "1e3"],
      ...["\u20ac", "\r", "\ufb33", "\u{1f600}", "\u0080", "\u00f6", "\u{10ffff}", "\uffff", "a"],
      ...["A", "aa", "a\u0301", "\u00e1", "fields", "$typeName", "toJSON", "then"],
    ),
  )
  .filter((name) => name !== "\\");

function object<T extends Json>(value: fc.Arbitrary<T>, maxKeys: number): fc.Arbitrary<JsonObject> {
  return fc
    .uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: maxKeys })
    .map((members) => Object.fromEntries(members));
}

/** Any JSON value an entry's metadata may hold, but for its depth and size; −0 among them. */
export const arbitraryJson: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    number,
    fc.oneof(text(), fc.constant("")),
    fc.array(tie("value"), { maxLength: 4 }),
    object(tie("value"), 4),
  ),
})).value;

/** Objects and arrays within each other, to the deepest that metadata may be. */
const deep = fc
  .tuple(
    fc.oneof(number, text(), fc.constant({}), fc.constant([])),
    fc.array(fc.option(key), {
      minLength: 1,
      // Within the metadata itself, around a value that may be an object too.
      maxLength: entryLimits.metadataDepth - 2,
      size: "max",
    }),
    key,
  )
  .map(([value, steps, first]) => {
    const inner = steps.reduce<Json>(
      (within, step) => (step === null ? [within] : Object.fromEntries([[step, within]])),
      value,
    );
    return Object.fromEntries([[first, inner]]);
  });

const metadata = fc
  .oneof({ weight: 4, arbitrary: object(arbitraryJson, 5) }, deep)
  .filter((value) => {
    const violations = new Violations();
    checkMetadata("metadata", value, violations);
    return violations.found.length === 0;
  });

/** An address as the codec stores it. */
const address = fc
  .oneof(
    fc.ipV4(),
    fc.ipV6(),
    // With runs of zeros in all places, which each writer shortens in its own way.
    fc
      .array(fc.constantFrom("0", "0", "0", "1", "ffff", "2001", "a0b"), {
        minLength: 8,
        maxLength: 8,
      })
      .map((words) => words.join(":")),
    fc.constantFrom(
      "::",
      "::1",
      "::2",
      "::ffff",
      "::1:2",
      "::ffff:192.0.2.1",
      "64:ff9b::192.0.2.1",
    ),
    fc.constantFrom("0.0.0.0", "255.255.255.255", "::ffff:0:192.0.2.1", "::192.0.2.1", "fe80::"),
  )
  .map((value) => canonicalAddress(value))
  .filter((value) => value !== undefined);

const firstTime = Date.parse("0001-01-01T00:00:00.000Z");
const lastTime = Date.parse("9999-12-31T23:59:59.999Z");

/** A time that an entry may have: whole milliseconds of the years 1 to 9999. */
export const arbitraryTime = fc.oneof(
  fc.integer({ min: firstTime, max: lastTime }),
  fc.constantFrom(
    ...[firstTime, firstTime + 1, lastTime - 1, lastTime, -1, 0, 1, -999, -1_000, -1_001, 999],
    ...[2 ** 31 * 1_000, -(2 ** 31) * 1_000, 946_684_799_999, 946_684_800_000, 951_782_400_001],
    ...["0099-12-31T23:59:59.999Z", "0100-01-01T00:00:00.001Z"].map(Date.parse),
    ...["1582-10-10T12:00:00.500Z", "1883-11-18T12:00:00.123Z"].map(Date.parse),
  ),
);

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** An object without its undefined members. */
function present<T extends object>(members: object): T {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as T;
}

const details = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      actorName: optional(text()),
      resourceName: optional(text()),
      metadata: optional(metadata),
      ipAddress: optional(address),
      userAgent: optional(text(entryLimits.userAgentBytes)),
      requestId: optional(text()),
      traceId: optional(text()),
    }),
  },
  fc.constant({} as { resourceName?: string }),
);

/**
 * Entries to record in a team, with ids of their own: all that the codec makes, and beyond it
 * actions and types that are no words, and −0.
 */
export function arbitraryEntry(teamId: TeamId): fc.Arbitrary<NewEntry> {
  return fc
    .record({
      recorder: fc.record({
        type: fc.constantFrom("user", "api_key", "service", "annals"),
        id: text(),
      }),
      actorType: fc.constantFrom(...actorTypes),
      actorId: text(),
      resource: optional(fc.record({ type: text(), id: optional(text()) })),
      action: text(),
      scope: fc.constantFrom(...scopes),
      status: fc.constantFrom(...statuses),
      occurTime: optional(arbitraryTime),
      details,
    })
    .map(({ actorType, actorId, resource, details, ...rest }) => {
      const { resourceName, ...others } = details;
      const entry: Omit<NewEntry, "bytes"> = present({
        ...rest,
        id: randomUUIDv7() as EntryId,
        teamId,
        actor: { type: actorType, id: actorType === "system" ? "system" : actorId },
        resource: resource && present(resource),
        details: present({
          ...others,
          // A name needs a resource to name.
          resourceName: resource && resourceName,
        }),
      });
      return { ...entry, bytes: encodedBytes(entry) };
    });
}

/** Entries as they may have been recorded, at any position and time; some are erased since. */
export function arbitraryRecorded(teamId: TeamId): fc.Arbitrary<Entry> {
  const sequence = fc.oneof(
    fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
    fc.constantFrom(1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n),
  );
  const isErased = fc.integer({ min: 0, max: 5 }).map((n) => n === 0);
  return fc
    .tuple(arbitraryEntry(teamId), sequence, arbitraryTime, isErased)
    .map(([entry, position, recordTime, erased]) => {
      const detailsSalt = randomBytes(saltBytes);
      const digest = detailsDigest(sha256, detailsSalt, entry.details);
      const recorded = { ...entry, sequence: position, recordTime, detailsDigest: digest };
      const hashed = { ...recorded, leafHash: leafHash(sha256, recorded) };
      const detailsState = hasDetails(entry.details) ? "present" : "none";
      if (!erased || detailsState === "none") return { ...hashed, detailsState, detailsSalt };
      const rest = { ...hashed, details: {}, detailsState: "erased" } as const;
      return { ...rest, bytes: encodedBytes(rest) };
    });
}
