import { create, fromBinary, fromJsonString, toBinary, toJsonString } from "@bufbuild/protobuf";
import { type AuditEntry, AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { entryToJson } from "../../src/client/entry-json.ts";
import { recordedFromJson } from "../../src/client/recorded-json.ts";
import { Verifier } from "../../src/client/verify/verifier.ts";
import type { Entry } from "../../src/log/entry.ts";
import { detailsDigest, leafHash, leafText } from "../../src/log/leaf.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { encodeEntry } from "../../src/rpc/codec.ts";

/** The ways of an entry out of the server, and what becomes of its leaf on them. */

/** What a server makes of an entry for any protocol. */
export function message(entry: Entry): AuditEntry {
  return create(AuditEntrySchema, encodeEntry(entry));
}

/** Through gRPC, or Connect in binary. */
export function throughBinary(sent: AuditEntry): AuditEntry {
  return fromBinary(AuditEntrySchema, toBinary(AuditEntrySchema, sent));
}

/** Through Connect in JSON. */
export function throughJson(sent: AuditEntry): AuditEntry {
  return fromJsonString(AuditEntrySchema, toJsonString(AuditEntrySchema, sent));
}

/** An entry as a line of NDJSON, without its end. */
export function lineOf(sent: AuditEntry): string {
  return JSON.stringify(entryToJson(sent));
}

/** Through a line of NDJSON. */
export function throughLine(sent: AuditEntry): AuditEntry {
  return recordedFromJson(JSON.parse(lineOf(sent)));
}

/** All that an entry's place in the tree rests on; the details digest unless they were erased. */
export interface LeafParts {
  readonly text: string;
  readonly hash: string;
  readonly details: string | undefined;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Computed from an entry, whatever hashes it states itself. */
export function leafParts(
  entry: Pick<Entry, "details" | "detailsSalt"> & Parameters<typeof leafText>[0],
): LeafParts {
  const { detailsSalt: salt } = entry;
  return {
    text: leafText(entry),
    hash: hex(leafHash(sha256, entry)),
    details: salt?.length ? hex(detailsDigest(sha256, salt, entry.details)) : undefined,
  };
}

const verifier = new Verifier({ keys: [] });

/** The leaf hash that a verifier in a browser computes of what it was sent; throws if it is wrong. */
export function verifiedLeaf(received: AuditEntry): string {
  return hex(verifier.leafOf(received));
}
