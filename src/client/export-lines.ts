/**
 * The lines of an NDJSON export: a header, the positions of the log, the checkpoint. The format is
 * described in docs/decisions/0015; each line is JSON as `plainJson` writes it.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { parseTeamId } from "../ids.ts";
import { base64, fromBase64 } from "../log/base64.ts";
import { parseExactJson } from "../log/exact-json.ts";
import { maxProofHashes, maxTreeSize } from "../log/proof.ts";
import { entryToJson } from "./entry-json.ts";
import { escapeUnsafe, plainJson } from "./plain-json.ts";
import { recordedFromJson } from "./recorded-json.ts";

/** The first line: what the export is of. */
export interface ExportHeader {
  readonly origin: string;
  readonly teamId: string;
  /** Every position of the log is there, as an entry or a hash. */
  readonly complete: boolean;
  /** What it was filtered by, in the API's JSON, as its maker says; of a filtered one only. */
  readonly filter?: JsonObject;
  /** The checkpoint that the entries are proved in; of a filtered one only. */
  readonly checkpoint?: string;
}

/** The last line, without which an export is cut off. */
export interface ExportEnd {
  readonly checkpoint: string;
  /** Lines with an entry, and lines with a hash only. */
  readonly entries: number;
  readonly withheld: number;
}

/** Where an entry is in a tree and how that is proved. */
export interface ExportedProof {
  readonly leafIndex: bigint;
  readonly hashes: readonly Uint8Array[];
}

/** One line. */
export type ExportLine =
  | { readonly kind: "header"; readonly header: ExportHeader }
  /** Before the first position of a log that no longer holds its first `size` entries. */
  | { readonly kind: "pruned"; readonly size: bigint; readonly hashes: readonly Uint8Array[] }
  | { readonly kind: "entry"; readonly entry: AuditEntry; readonly proof?: ExportedProof }
  | { readonly kind: "withheld"; readonly sequence: bigint; readonly leafHash: Uint8Array }
  | { readonly kind: "end"; readonly end: ExportEnd };

/** A line that is none of an export. */
export class ExportLineError extends Error {
  override readonly name = "ExportLineError";
}

const version = 1;

/** A line without its end. */
export function formatExportLine(line: ExportLine): string {
  return plainJson(jsonOf(line));
}

function jsonOf(line: ExportLine): object {
  switch (line.kind) {
    case "header":
      return { export: { version, ...line.header } };
    case "pruned":
      return { pruned: { size: numberJson(line.size), hashes: line.hashes.map(base64) } };
    case "withheld":
      return {
        withheld: { sequence: numberJson(line.sequence), leafHash: base64(line.leafHash) },
      };
    case "end":
      return line.end;
    case "entry": {
      const { entry, proof } = line;
      if (!proof) return entryToJson(entry);
      const { leafIndex, hashes } = proof;
      return {
        ...entryToJson(entry),
        proof: { leafIndex: numberJson(leafIndex), hashes: hashes.map(base64) },
      };
    }
  }
}

/**
 * Reads a line, strictly: it must be written as `formatExportLine` writes it, so that what two
 * readers see in it cannot differ (as with a key that stands there twice).
 *
 * @throws ExportLineError, EntryJsonError.
 */
export function parseExportLine(text: string): ExportLine {
  const json = parseExact(text);
  if ("export" in json) return { kind: "header", header: parseHeader(only(json, ["export"])) };
  if ("checkpoint" in json) return { kind: "end", end: parseEnd(json) };
  if ("withheld" in json) {
    const withheld = object(only(json, ["withheld"]).withheld);
    const { sequence, leafHash } = only(withheld, ["sequence", "leafHash"]);
    return { kind: "withheld", sequence: number(sequence), leafHash: hash(leafHash) };
  }
  if ("pruned" in json) {
    const { size, hashes } = only(object(only(json, ["pruned"]).pruned), ["size", "hashes"]);
    return { kind: "pruned", size: number(size), hashes: hashList(hashes) };
  }
  // A complete export has millions of these, which it would cost a tenth more to copy.
  if (!("proof" in json)) return { kind: "entry", entry: recordedFromJson(json) };
  const { proof: proofJson, ...entry } = json;
  const { leafIndex, hashes } = only(object(proofJson), ["leafIndex", "hashes"]);
  const proof = { leafIndex: number(leafIndex), hashes: hashList(hashes) };
  return { kind: "entry", entry: recordedFromJson(entry), proof };
}

type Json = Readonly<Record<string, unknown>>;

function parseExact(text: string): Json {
  try {
    const value: unknown = parseExactJson(text);
    const json = JSON.stringify(value);
    if (json === text || escapeUnsafe(json) === text) return object(value);
  } catch (error) {
    // RangeError: more levels than the stack.
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    throw new ExportLineError("it is not JSON", { cause: error });
  }
  throw new ExportLineError("it is not written as an export writes it");
}

function parseHeader(json: Json): ExportHeader {
  const fields = ["version", "origin", "teamId", "complete", "filter", "checkpoint"];
  const header = only(object(json.export), fields);
  const { origin, teamId, complete, filter, checkpoint } = header;
  if (header.version !== version) {
    throw new ExportLineError(`it is of version ${plainJson(header.version)}, not ${version}`);
  }
  if (typeof origin !== "string") return malformed("origin");
  if (typeof teamId !== "string" || parseTeamId(teamId) === undefined) return malformed("teamId");
  if (complete === true && filter === undefined && checkpoint === undefined) {
    return { origin, teamId, complete };
  }
  if (complete !== false || typeof checkpoint !== "string") return malformed("complete");
  return { origin, teamId, complete, filter: object(filter) as JsonObject, checkpoint };
}

function parseEnd(json: Json): ExportEnd {
  const { checkpoint, entries, withheld } = only(json, ["checkpoint", "entries", "withheld"]);
  if (typeof checkpoint !== "string") return malformed("checkpoint");
  return { checkpoint, entries: count(entries), withheld: count(withheld) };
}

function only(json: Json, known: readonly string[]): Json {
  const unknown = Object.keys(json).find((key) => !known.includes(key));
  if (unknown === undefined) return json;
  throw new ExportLineError(`it has an unknown field ${JSON.stringify(unknown.slice(0, 100))}`);
}

function object(value: unknown): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new ExportLineError("it is not a JSON object where one is due");
}

/** A number while it is safe (up to 2^53 - 1), decimal text beyond. */
function numberJson(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

function number(value: unknown): bigint {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string" || !/^(0|[1-9][0-9]{0,18})$/.test(text)) return malformed("number");
  const parsed = BigInt(text);
  return parsed <= maxTreeSize && numberJson(parsed) === value ? parsed : malformed("number");
}

function count(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  return malformed("count");
}

function hash(value: unknown): Uint8Array {
  const bytes = typeof value === "string" ? fromBase64(value) : undefined;
  return bytes?.length === 32 ? bytes : malformed("hash");
}

function hashList(value: unknown): Uint8Array[] {
  if (!Array.isArray(value) || value.length > maxProofHashes) return malformed("hashes");
  return value.map(hash);
}

function malformed(what: string): never {
  throw new ExportLineError(`its ${what} is missing or malformed`);
}
