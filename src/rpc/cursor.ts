import { z } from "zod";
import { AuditError } from "../errors.ts";
import { isUuid, type TeamId } from "../ids.ts";
import type { GlobalPosition, Position } from "../log/position.ts";

/** The schema of a team's UUID within a token. */
export const teamIdSchema = z.custom<TeamId>((value) => typeof value === "string" && isUuid(value));
/** The schema of a sequence within a token. */
export const sequenceSchema = z
  .string()
  .regex(/^[0-9]{1,18}$/)
  .transform(BigInt);
/** The schema of a time within a token. */
export const millisSchema = z.number().int().min(-62_135_596_800_000).max(253_402_300_799_999);

const teamSchema = z.tuple([
  z.literal("t1"),
  teamIdSchema,
  sequenceSchema,
  z.string().regex(/^([0-9a-f]{16})?$/),
]);
const allTeamsSchema = z.tuple([z.literal("a1"), millisSchema, teamIdSchema, sequenceSchema]);

/** A cursor of one team's log, for `after_cursor`. */
export function encodeCursor(teamId: TeamId, position: Position): string {
  const prefix = Buffer.from(position.leafPrefix).toString("hex");
  return pack(["t1", teamId, String(position.sequence), prefix]);
}

/** A cursor over all teams. */
export function encodeGlobalCursor(position: GlobalPosition): string {
  return pack(["a1", position.recordTime, position.teamId, String(position.sequence)]);
}

/** @throws AuditError CURSOR_INVALID if it is malformed or another team's. */
export function decodeCursor(text: string, teamId: TeamId): Position {
  const parsed = teamSchema.safeParse(unpack(text));
  if (!parsed.success) throw invalid("is malformed, of an unknown version, or of all teams");
  const [, cursorTeam, sequence, prefix] = parsed.data;
  if (cursorTeam !== teamId) throw invalid("belongs to another team");
  return { sequence, leafPrefix: Buffer.from(prefix, "hex") };
}

/** @throws AuditError CURSOR_INVALID if it is malformed or one team's. */
export function decodeGlobalCursor(text: string): GlobalPosition {
  const parsed = allTeamsSchema.safeParse(unpack(text));
  if (!parsed.success) throw invalid("is malformed, of an unknown version, or of one team");
  const [, recordTime, teamId, sequence] = parsed.data;
  return { recordTime, teamId, sequence };
}

/** An opaque token of a JSON value. */
export function pack(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** The value in a token of at most 1 KiB, or undefined if it is none. */
export function unpack(text: string): unknown {
  if (text.length > 1_024) return undefined;
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined; // Not a token of ours, whatever it is; the caller says so.
  }
}

function invalid(description: string): AuditError {
  return new AuditError("CURSOR_INVALID", `the cursor ${description}`, {
    violations: [{ field: "after_cursor", description }],
  });
}
