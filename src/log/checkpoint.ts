import { formatTeamId, type TeamId } from "../ids.ts";
import { base64, fromBase64 } from "./base64.ts";
import { NoteError } from "./note.ts";
import { maxTreeSize } from "./proof.ts";

/** The head of a log as it is signed: the text of a C2SP tlog-checkpoint. */
export interface Checkpoint {
  /** Which log it is of: the key's name and the team. */
  readonly origin: string;
  /** Entries in the log. */
  readonly size: bigint;
  /** The root hash of its tree, 32 bytes. */
  readonly root: Uint8Array;
}

/** The origin of a team's log. Example: `audit.example.com/team-5b1f3a52-…` */
export function checkpointOrigin(keyName: string, teamId: TeamId): string {
  return `${keyName}/${formatTeamId(teamId)}`;
}

/** The text to sign: origin, size and root in base64, a line each. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${base64(root)}\n`;
}

/**
 * Reads a note's text as a checkpoint. Extension lines are refused: none are written here, and
 * what they say could not be checked.
 *
 * @throws NoteError.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, end, ...rest] = text.split("\n");
  if (!origin || size === undefined || root === undefined || end !== "" || rest.length > 0) {
    throw new NoteError("the checkpoint is not three lines");
  }
  if (!/^(0|[1-9][0-9]{0,18})$/.test(size) || BigInt(size) > maxTreeSize) {
    throw new NoteError("the checkpoint's size is not a number up to 2^63 - 1");
  }
  const hash = fromBase64(root);
  if (hash?.length !== 32) throw new NoteError("the checkpoint's root is not a SHA-256 hash");
  return { origin, size: BigInt(size), root: hash };
}
