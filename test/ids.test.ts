import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ApiKeyId,
  createPrefixRegistry,
  defaultPrefixes,
  describeIdMistake,
  type EntryId,
  formatApiKeyId,
  formatEntryId,
  formatTeamId,
  isUuid,
  parseApiKeyId,
  parseEntryId,
  parsePrefixed,
  parseTeamId,
  platformTeamId,
  type TeamId,
} from "../src/ids.ts";

const uuid = "0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61";

/** Any 128 bits in the form of a UUID, not only the versions that RFC 9562 defines. */
const uuids = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString("hex"))
  .map((hex) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"));
const prefixes = fc.stringMatching(/^[a-z][a-z0-9]{0,15}$/);

/** What is near a good id and is none. */
const malformed = {
  empty: "",
  "the prefix alone": "team",
  "the prefix and its hyphen": "team-",
  "no prefix": uuid,
  "another prefix": `usr-${uuid}`,
  "a longer prefix": `teams-${uuid}`,
  "an upper-case prefix": `TEAM-${uuid}`,
  "another separator": `team_${uuid}`,
  "no separator": `team${uuid}`,
  "two separators": `team--${uuid}`,
  "the prefix twice": `team-team-${uuid}`,
  "no UUID": "team-not-a-uuid",
  "an upper-case UUID": `team-${uuid.toUpperCase()}`,
  "one upper-case digit": `team-${uuid.replace("a", "A")}`,
  "a braced UUID": `team-{${uuid}}`,
  "a URN": `team-urn:uuid:${uuid}`,
  "no hyphens": `team-${uuid.replaceAll("-", "")}`,
  "hyphens elsewhere": `team-${uuid.replaceAll("-", "").replace(/(.{4})(?=.)/g, "$1-")}`,
  "one digit less": `team-${uuid.slice(1)}`,
  "one digit more": `team-0${uuid}`,
  "a digit that is none": `team-${uuid.replace("0", "g")}`,
  "a full-width digit": `team-${uuid.replace("0", "０")}`,
  "a space before": ` team-${uuid}`,
  "a space after": `team-${uuid} `,
  "a space inside": `team- ${uuid}`,
  "a line end after": `team-${uuid}\n`,
  "a NUL after": `team-${uuid}\0`,
  "two ids": `team-${uuid}team-${uuid}`,
};

describe("a prefixed id", () => {
  test("is written and read back without loss", () => {
    fc.assert(
      fc.property(uuids, (id) => {
        expect(parseTeamId(formatTeamId(id as TeamId))).toBe(id);
        expect(parseEntryId(formatEntryId(id as EntryId))).toBe(id);
        expect(parseApiKeyId(formatApiKeyId(id as ApiKeyId))).toBe(id);
      }),
    );
  });

  test("is read and written back without loss, under any prefix", () => {
    fc.assert(
      fc.property(prefixes, uuids, (prefix, id) => {
        const text = `${prefix}-${id}`;
        expect(`${prefix}-${parsePrefixed(prefix, text)}`).toBe(text);
      }),
    );
  });

  test("is read from nothing but what is written", () => {
    const near = fc.tuple(fc.constantFrom("team-", "team", "usr-", ""), fc.string(), uuids);
    const texts = fc.oneof(
      fc.string({ unit: "grapheme" }),
      near.map(([prefix, noise, id]) => `${prefix}${id}${noise}`),
      near.map(([prefix, noise, id]) => `${prefix}${noise}${id}`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const id = parseTeamId(text);
        if (id !== undefined) expect(formatTeamId(id)).toBe(text);
      }),
    );
  });

  test("does not go under another prefix", () => {
    fc.assert(
      fc.property(prefixes, prefixes, uuids, (prefix, other, id) => {
        fc.pre(prefix !== other);
        expect(parsePrefixed(prefix, `${other}-${id}`)).toBeUndefined();
      }),
    );
  });

  test.each(Object.entries(malformed))("is not %s", (_, text) => {
    expect(parseTeamId(text)).toBeUndefined();
    expect(parseEntryId(text.replaceAll("team", "log"))).toBeUndefined();
    expect(parseApiKeyId(text.replaceAll("team", "key"))).toBeUndefined();
  });

  test("may be the platform team's, which is all zeros", () => {
    expect(parseTeamId("team-00000000-0000-0000-0000-000000000000")).toBe(platformTeamId);
    expect(isUuid(platformTeamId)).toBe(true);
  });
});

describe("the registry", () => {
  test("knows the types of the platform", () => {
    expect(Object.fromEntries(createPrefixRegistry())).toEqual({
      sandbox: "sb",
      user: "usr",
      team: "team",
      api_key: "key",
      host: "host",
      log: "log",
    });
  });

  test("can be extended, changed and loosened", () => {
    const registry = createPrefixRegistry({ project: "prj", sandbox: "box", user: null });
    expect(describeIdMistake(registry, "project", `prj-${uuid}`)).toBeUndefined();
    expect(describeIdMistake(registry, "project", uuid)).toMatch(/^must be prj-\{uuid\}/);
    expect(describeIdMistake(registry, "sandbox", `sb-${uuid}`)).toMatch(/^must be box-\{uuid\}/);
    expect(describeIdMistake(registry, "user", "ada@example.com")).toBeUndefined();
  });

  test("is made anew each time", () => {
    createPrefixRegistry({ user: null });
    expect(createPrefixRegistry().get("user")).toBe("usr");
    expect(defaultPrefixes.user).toBe("usr");
  });

  test("a prefix that another type has given up is free", () => {
    expect(createPrefixRegistry({ user: null, person: "usr" }).get("person")).toBe("usr");
    expect(createPrefixRegistry({ user: "person", person: "usr" }).get("user")).toBe("person");
  });

  test("loosening a type that is not there changes nothing", () => {
    expect(createPrefixRegistry({ project: null })).toEqual(createPrefixRegistry());
  });

  test.each([
    ["team, api_key and log are UUIDs in the database", { team: "t" }, /"team" cannot be changed/],
    ["nor can they be loosened", { log: null }, /"log" cannot be changed/],
    ["nor confirmed", { api_key: "key" }, /"api_key" cannot be changed/],
    ["a prefix stands for one type", { project: "usr" }, /same prefix/],
    ["two new types cannot share one", { a: "x", b: "x" }, /same prefix/],
    ["a type is lower-case", { Project: "prj" }, /"Project" is not a type/],
    ["a type is not empty", { "": "prj" }, /"" is not a type/],
    ["a prefix is lower-case", { project: "PRJ" }, /"PRJ" is not a prefix/],
    ["a prefix has no hyphen", { project: "p-r" }, /"p-r" is not a prefix/],
    ["a prefix begins with a letter", { project: "1p" }, /"1p" is not a prefix/],
    ["a prefix is not empty", { project: "" }, /"" is not a prefix/],
  ])("%s", (_, changes, message) => {
    expect(() => createPrefixRegistry(changes as Record<string, string | null>)).toThrow(message);
  });
});

describe("a polymorphic id", () => {
  const registry = createPrefixRegistry();
  const registered = fc.constantFrom(...registry.keys());

  test("of a registered type carries its prefix", () => {
    fc.assert(
      fc.property(registered, uuids, (type, id) => {
        const text = `${registry.get(type)}-${id}`;
        expect(describeIdMistake(registry, type, text)).toBeUndefined();
      }),
    );
  });

  test("of a registered type is nothing else", () => {
    fc.assert(
      fc.property(registered, fc.oneof(fc.string({ unit: "grapheme" }), uuids), (type, text) => {
        expect(describeIdMistake(registry, type, text)).toBe(
          `must be ${registry.get(type)}-{uuid} (lower-case and hyphenated) for type ${type}`,
        );
      }),
    );
  });

  test("of a type with another's prefix is refused", () => {
    fc.assert(
      fc.property(registered, registered, uuids, (type, other, id) => {
        fc.pre(type !== other);
        expect(describeIdMistake(registry, type, `${registry.get(other)}-${id}`)).toBeDefined();
      }),
    );
  });

  test("of any other type is opaque", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(describeIdMistake(registry, "snapshot", text)).toBeUndefined();
        expect(describeIdMistake(registry, "constructor", text)).toBeUndefined();
      }),
    );
  });
});
