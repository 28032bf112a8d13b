import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ActorType,
  type AuditEntry,
  DetailsState,
  EntryScope,
  EntryStatus,
  RequestContextSchema,
} from "../../../gen/audit/v1/entry_pb.ts";
import { recordedEntry } from "../../../src/client/recorded-entry.ts";
import { Verifier } from "../../../src/client/verify/verifier.ts";
import * as words from "../../../src/client/words.ts";
import * as domain from "../../../src/log/entry.ts";
import { detailsDigest, leafHash } from "../../../src/log/leaf.ts";
import { sha256 } from "../../../src/log/sha256.ts";
import { arbitraryRecorded } from "../../support/arbitrary-entry.ts";
import { message, throughBinary, throughJson, throughLine } from "../../support/leaf-paths.ts";
import { newTeam } from "../../support/new-entry.ts";
import { newId } from "../../support/server.ts";
import {
  everyField,
  type Patch,
  patched,
  refusal,
  signedLog,
  withoutDetails,
} from "./signed-log.ts";

const log = signedLog(6);
const full = log.append(everyField);
const bare = log.append({ details: {} });
for (let n = 0; n < 3; n++) log.append();
const verifier = log.verifier();
const checkpoint = await log.checkpoint();

/** The refusal of an entry that is put in the place of another, with that one's proof. */
const refusalOf = (entry: AuditEntry, of = full) =>
  refusal(() => verifier.verifyEntry(entry, log.inclusion(of.sequence), checkpoint));

/** As one would who has the database: with digest and leaf hash of what is there now. */
function rehashed(entry: AuditEntry): AuditEntry {
  const { details, detailsSalt } = recordedEntry(entry);
  const digest = new Uint8Array(detailsDigest(sha256, detailsSalt, details));
  const withDigest = patched(entry, { detailsDigest: digest });
  const hash = new Uint8Array(leafHash(sha256, recordedEntry(withDigest)));
  return patched(withDigest, { leafHash: hash });
}

describe("an entry", () => {
  test("is verified by its inclusion proof, with either SHA-256", () => {
    for (const by of [verifier, log.verifier({ sha256 })]) {
      for (const entry of log.entries) {
        by.verifyEntry(entry, log.inclusion(entry.sequence), checkpoint);
      }
    }
  });

  test("has the leaf hash that the server stored, whatever is in it and however it came", () => {
    const by = new Verifier({ keys: [] });
    fc.assert(
      fc.property(arbitraryRecorded(newTeam()), (entry) => {
        const sent = message(entry);
        for (const received of [sent, throughBinary(sent), throughJson(sent), throughLine(sent)]) {
          expect(Buffer.from(by.leafOf(received))).toEqual(Buffer.from(entry.leafHash));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("that is erased is verified without its details", async () => {
    const erased = signedLog(4);
    erased.erase(2n);
    const by = erased.verifier();
    by.verifyEntry(erased.entry(2n), erased.inclusion(2n), await erased.checkpoint());
  });

  const changes: [string, Patch, string][] = [
    ["id", { id: newId("log") }, "leaf_mismatch"],
    ["recorder's type", { recorder: { type: "annals" } }, "leaf_mismatch"],
    ["recorder's id", { recorder: { id: "other" } }, "leaf_mismatch"],
    ["actor's type", { actor: { type: ActorType.USER } }, "leaf_mismatch"],
    ["actor's id", { actor: { id: "key-2" } }, "leaf_mismatch"],
    ["actor's name", { actor: { name: "Eve" } }, "details_mismatch"],
    ["resource", { resource: undefined }, "details_mismatch"],
    ["resource's type", { resource: { type: "sandbox" } }, "leaf_mismatch"],
    ["resource's id", { resource: { id: "" } }, "leaf_mismatch"],
    ["resource's name", { resource: { name: "" } }, "details_mismatch"],
    ["action", { action: "delete" }, "leaf_mismatch"],
    ["scope", { scope: EntryScope.ADMIN }, "leaf_mismatch"],
    ["status", { status: EntryStatus.ERROR }, "leaf_mismatch"],
    ["metadata", { metadata: { ...full.metadata, a: [] } }, "details_mismatch"],
    ["absent metadata", { metadata: undefined }, "details_mismatch"],
    ["address", { context: { ipAddress: "2001:db8::2" } }, "details_mismatch"],
    ["user agent", { context: { userAgent: "" } }, "details_mismatch"],
    ["request id", { context: { requestId: "t" } }, "details_mismatch"],
    ["trace id", { context: { traceId: "r" } }, "details_mismatch"],
    ["context", { context: undefined }, "details_mismatch"],
    ["occur time", { occurTime: timestampFromMs(0) }, "leaf_mismatch"],
    ["absent occur time", { occurTime: undefined }, "leaf_mismatch"],
    ["record time", { recordTime: timestampFromMs(0) }, "leaf_mismatch"],
    ["salt", { detailsSalt: new Uint8Array(32) }, "details_mismatch"],
    ["digest", { detailsDigest: new Uint8Array(32) }, "details_mismatch"],
    ["leaf hash", { leafHash: new Uint8Array(32) }, "leaf_mismatch"],
    ["sequence", { sequence: 8n }, "sequence_mismatch"],
    ["team", { teamId: newId("team") }, "wrong_team"],
  ];
  test.each(changes)("of another %s is refused", async (_, change, expected) => {
    const error = await refusalOf(patched(full, change));
    expect(error.fault).toBe(expected);
    expect(error.sequence).toBe(change.sequence ?? full.sequence);
  });

  const stated = ["sequence", "team", "digest", "leaf hash"];
  const recorded = changes.filter(([what]) => !stated.includes(what));
  test.each(recorded)("of another %s is refused with hashes that fit, too", async (_, change) => {
    const { fault } = await refusalOf(rehashed(patched(full, change)));
    expect(fault).toBe("proof_root_mismatch");
  });

  const malformed: [string, Patch][] = [
    ["no id", { id: "" }],
    ["an id that is no UUID", { id: "log-1" }],
    ["an id in upper case", { id: full.id.toUpperCase() }],
    ["no recorder", { recorder: undefined }],
    ["a recorder of no known type", { recorder: { type: "robot" } }],
    ["no actor", { actor: undefined }],
    ["an actor of no type", { actor: { type: 0 } }],
    ["an actor of an unknown type", { actor: { type: 6 as ActorType } }],
    ["a resource of no type", { resource: { type: "" } }],
    ["no action", { action: "" }],
    ["no scope", { scope: 0 }],
    ["an unknown scope", { scope: 3 as EntryScope }],
    ["no status", { status: 0 }],
    ["an unknown status", { status: -1 as EntryStatus }],
    ["no record time", { recordTime: undefined }],
    ["a finer time than milliseconds", { occurTime: { nanos: 999_000_001 } }],
    ["a time of too many nanos", { recordTime: { nanos: 1_000_000_000 } }],
    ["a time of nanos below zero", { recordTime: { nanos: -1_000_000 } }],
    ["a time before the year 1", { occurTime: { seconds: -62135596801n } }],
    ["a time after the year 9999", { occurTime: { seconds: 253402300800n } }],
    ["an empty context", { context: create(RequestContextSchema) }],
    ["no details state", { detailsState: 0 }],
    ["an unknown details state", { detailsState: 4 as DetailsState }],
    ["a digest that is too short", { detailsDigest: new Uint8Array(31) }],
    ["no digest", { detailsDigest: new Uint8Array() }],
    ["no leaf hash", { leafHash: new Uint8Array() }],
    ["a leaf hash that is too long", { leafHash: new Uint8Array(33) }],
    ["a number in its metadata that JSON does not have", { metadata: { a: Number.NaN } }],
    ["infinity in its metadata", { metadata: { a: [Number.NEGATIVE_INFINITY] } }],
    ["metadata nested beyond all bounds", { metadata: nested(100_000) }],
  ];
  test.each(malformed)("with %s is malformed", async (_, change) => {
    const { fault, sequence } = await refusalOf(patched(full, change));
    expect([fault, sequence]).toEqual(["entry_malformed", full.sequence]);
  });

  test("has the domain's words for all of the wire's numbers", () => {
    expect(words.actorTypes.words).toEqual(domain.actorTypes);
    expect(words.scopes.words).toEqual(domain.scopes);
    expect(words.statuses.words).toEqual(domain.statuses);
    expect(words.detailsStates.words).toEqual(["present", "none", "erased"]);
  });
});

function nested(levels: number): NonNullable<AuditEntry["metadata"]> {
  let value: NonNullable<AuditEntry["metadata"]> = {};
  for (let level = 0; level < levels; level++) value = { a: value };
  return value;
}

describe("the state of details", () => {
  const { PRESENT, NONE, ERASED } = DetailsState;

  test("is none without details and present with them", () => {
    expect([full.detailsState, bare.detailsState]).toEqual([PRESENT, NONE]);
  });

  const renamed = { ...withoutDetails(full, "ERASED"), actor: { name: "Eve" } };
  test.each([
    ["present, with none there", bare, { detailsState: PRESENT }],
    ["none, with some there", full, { detailsState: NONE }],
    ["erased, with some there", full, { detailsState: ERASED }],
    ["erased, with some there and no salt", full, { ...renamed }],
    ["erased, with the salt there", bare, { detailsState: ERASED }],
    ["none, with the details taken away", full, withoutDetails(full, "NONE")],
    ["present, without salt", full, { detailsSalt: new Uint8Array() }],
    ["none, without salt", bare, { detailsSalt: new Uint8Array() }],
    ["present, with a shorter salt", full, { detailsSalt: full.detailsSalt.slice(1) }],
  ])("that says %s is refused", async (_, entry, change) => {
    expect((await refusalOf(patched(entry, change), entry)).fault).toBe("details_mismatch");
  });

  test("cannot be feigned by a salt that has a part of the details in it", async () => {
    const recorded = patched(bare, { detailsSalt: new Uint8Array(31) });
    const feigned = rehashed(recorded);
    expect((await refusal(() => verifier.leafOf(feigned))).fault).toBe("details_mismatch");
  });
});
