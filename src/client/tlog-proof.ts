import { base64, fromBase64 } from "../log/base64.ts";
import { maxProofHashes, maxTreeSize } from "../log/proof.ts";

/**
 * Proof files as C2SP tlog-proof defines them: an entry's place in a log, the inclusion proof and
 * the checkpoint, as text that can be checked offline for ever.
 */

/** A proof file's content, not verified. */
export interface TlogProof {
  /** What the leaf is computed from; nothing else authenticates it. */
  readonly extra?: Uint8Array;
  /** The entry's position in the tree: its sequence less one. */
  readonly index: bigint;
  /** The inclusion proof, from the leaf's sibling up to the root's child. */
  readonly hashes: readonly Uint8Array[];
  /** The checkpoint: a signed note. */
  readonly checkpoint: string;
}

/** Text that is not a proof file; the message says what is wrong with which line. */
export class TlogProofError extends Error {
  override readonly name = "TlogProofError";
}

/** The largest proof file that is read, in bytes: an entry of 64 KiB and a note fit many times. */
export const maxTlogProofBytes = 1024 * 1024;

const firstLine = "c2sp.org/tlog-proof@v1";

/** The text of a proof file. */
export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): string {
  const lines = [
    firstLine,
    ...(extra === undefined ? [] : [`extra ${base64(extra)}`]),
    `index ${index}`,
    ...hashes.map(base64),
  ];
  return `${lines.join("\n")}\n\n${checkpoint}`;
}

/**
 * Takes a proof file apart, to the letter. Nothing in it may be believed before it is verified.
 *
 * @throws TlogProofError.
 */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > maxTlogProofBytes) throw new TlogProofError("the proof is too large");
  const end = text.indexOf("\n\n");
  // Looked for in the checkpoint too, where a CRLF would only be called a control character.
  if (text.includes("\r")) throw new TlogProofError("the proof has CR in its line ends");
  if (end === -1) throw new TlogProofError("the proof has no empty line before its checkpoint");
  const lines = text.slice(0, end).split("\n");
  for (const [i, line] of lines.entries()) {
    if (line !== line.trim()) throw new TlogProofError(`line ${i + 1} has spaces at its ends`);
  }
  if (lines[0] !== firstLine) throw new TlogProofError(`line 1 is not ${firstLine}`);
  const hasExtra = lines[1]?.startsWith("extra") === true;
  const extra = hasExtra ? parseExtra(lines[1] ?? "") : undefined;
  const at = hasExtra ? 2 : 1;
  const index = parseIndex(lines[at], at + 1);
  const hashes = lines.slice(at + 1).map((line, i) => parseHash(line, at + 2 + i));
  if (hashes.length >= maxProofHashes) {
    throw new TlogProofError(`the proof has ${hashes.length} hashes, more than any tree calls for`);
  }
  const checkpoint = text.slice(end + 2);
  return { ...(extra && { extra }), index, hashes, checkpoint };
}

function parseExtra(line: string): Uint8Array {
  const bytes = line.startsWith("extra ") ? fromBase64(line.slice(6)) : undefined;
  if (bytes === undefined) throw new TlogProofError('line 2 is not "extra" and base64');
  return bytes;
}

function parseIndex(line: string | undefined, number: number): bigint {
  const digits = /^index (0|[1-9][0-9]{0,18})$/.exec(line ?? "")?.[1];
  const index = digits === undefined ? undefined : BigInt(digits);
  if (index === undefined || index >= maxTreeSize) {
    throw new TlogProofError(`line ${number} is not "index" and a number below 2^63 - 1`);
  }
  return index;
}

function parseHash(line: string, number: number): Uint8Array {
  const hash = fromBase64(line);
  if (hash?.length !== 32) throw new TlogProofError(`line ${number} is not a hash in base64`);
  return hash;
}
