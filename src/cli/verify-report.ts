/** What a verification has shown, for people and as JSON. */
import type { ExportReport } from "../client/export-body.ts";
import { plainJson } from "../client/plain-json.ts";
import type { VerifiedCheckpoint } from "../client/verify/checkpoint.ts";
import { base64 } from "../log/base64.ts";
import { parseNote, parseVerifierKey } from "../log/note.ts";
import { equalBytes } from "../log/proof.ts";
import { sha256 } from "../log/sha256.ts";
import { styled } from "./output.ts";
import { plainText } from "./plain-text.ts";
import type { KnownKeys } from "./verifier-keys.ts";
import type { LogReport } from "./verify-log.ts";

/** A line for people and its label. */
export type Line = readonly [label: string, text: string];

/** The headline and the lines under it. */
export function reportText(headline: string, lines: readonly Line[]): string {
  const rows = lines.map(
    ([label, text]) => `  ${styled("dim", label.padEnd(11))}${plainText(text)}`,
  );
  return `${[`${styled("green", "verified")}: ${plainText(headline)}`, ...rows].join("\n")}\n`;
}

/** What was walked on a server. */
export function logLines({ opened, withheld, erased, start }: LogReport): Line[] {
  const lines = countLines(opened, withheld, erased);
  const from = `entry ${start.size + 1n}`;
  switch (start.reason) {
    case "beginning":
      return lines;
    case "floor":
      return [
        ...lines,
        ["from", `${from}: the log no longer holds those before, only their hashes`],
      ];
    case "last run":
      return [
        ...lines,
        ["from", `${from}, after the last run; erasures among those before were not looked at`],
      ];
  }
}

/** What was read in an export. */
export function exportLines({ header, opened, withheld, erased, pruned }: ExportReport): Line[] {
  const from = `entry ${pruned + 1n}`;
  if (header.complete) {
    const lines = countLines(opened, withheld, erased);
    return pruned === 0n
      ? lines
      : [...lines, ["from", `${from}: the log no longer held those before, only their hashes`]];
  }
  // The entry that says so may be anywhere in the log, and is not in the file.
  const notProved = `that the details of ${erased}, which come without, were erased by right`;
  return [
    ["opened", `${opened}: hashed from what they say`],
    ["filter", `${plainJson(header.filter)}, as the export itself says`],
    ["not proved", "that every entry which matches the filter is there"],
    ...(erased === 0 ? [] : [["not proved", notProved] as const]),
  ];
}

/** The checkpoint under all this, and why it is believed. */
export function checkpointLines(
  { size, root, note }: VerifiedCheckpoint,
  { keys, source }: KnownKeys,
): Line[] {
  return [
    ["checkpoint", `${size} entries, root ${base64(root)}`],
    ["signed by", `${signersOf(note, keys).join(", ")} (${source})`],
  ];
}

/** What is the same in the JSON of every verification. */
export function checkpointJson(checkpoint: VerifiedCheckpoint, { keys, source }: KnownKeys) {
  const { origin, teamId, size, root, note } = checkpoint;
  return {
    origin,
    teamId,
    size: String(size),
    root: base64(root),
    signedBy: signersOf(note, keys),
    keySource: source,
    checkpoint: note,
  };
}

const unseen = "what they say was not seen";

function countLines(opened: number, withheld: number, erased: number): Line[] {
  const gone = erased === 0 ? "" : `; the details of ${erased} were erased since`;
  return [
    ["opened", `${opened}: hashed from what they say${gone}`],
    ["hashes", withheld === 0 ? "0" : `${withheld} positions as hashes only: ${unseen}`],
  ];
}

function signersOf(note: string, keys: readonly string[]): string[] {
  const known = keys.map((key) => parseVerifierKey(sha256, key));
  return parseNote(note).signatures.flatMap(({ keyName, keyId }) => {
    const isKnown = known.some((key) => key.name === keyName && equalBytes(key.keyId, keyId));
    return isKnown ? [`${keyName}+${Buffer.from(keyId).toString("hex")}`] : [];
  });
}
