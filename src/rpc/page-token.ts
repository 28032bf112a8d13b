import { hash } from "node:crypto";
import { z } from "zod";
import { AuditError } from "../errors.ts";
import type { GlobalPosition } from "../log/position.ts";
import { millisSchema, pack, sequenceSchema, teamIdSchema, unpack } from "./cursor.ts";

/** Where a list goes on, and the cursor of its first page. */
export interface Continuation<At> {
  readonly at: At;
  readonly cursor: string;
}

/** The same over all teams, with the sequence of the entry that says who reads them. */
export interface GlobalContinuation extends Continuation<GlobalPosition> {
  readonly act: bigint;
}

const teamSchema = z.tuple([z.literal("p1"), z.string(), z.string().max(512), sequenceSchema]);
const globalSchema = z.tuple([
  z.literal("q1"),
  z.string(),
  z.string().max(512),
  z.tuple([millisSchema, teamIdSchema, sequenceSchema]),
  sequenceSchema,
]);

/** What a page token is bound to: all that decides which entries come in which order. */
export function queryDigest(query: unknown): string {
  return hash("sha256", JSON.stringify(query), "base64url").slice(0, 16);
}

/** A token to go on at a sequence of one team's log. */
export function encodePageToken(query: string, next: Continuation<bigint>): string {
  return pack(["p1", query, next.cursor, String(next.at)]);
}

/** A token to go on beyond a place in the entries of all teams. */
export function encodeGlobalPageToken(query: string, next: GlobalContinuation): string {
  const { recordTime, teamId, sequence } = next.at;
  const at = [recordTime, teamId, String(sequence)];
  return pack(["q1", query, next.cursor, at, String(next.act)]);
}

/** @throws AuditError PAGE_TOKEN_INVALID, PAGE_TOKEN_MISMATCH. */
export function decodePageToken(text: string, query: string): Continuation<bigint> {
  const [, digest, cursor, at] = parse(teamSchema, text);
  requireSame(digest, query);
  return { at, cursor };
}

/** @throws AuditError PAGE_TOKEN_INVALID, PAGE_TOKEN_MISMATCH. */
export function decodeGlobalPageToken(text: string, query: string): GlobalContinuation {
  const [, digest, cursor, [recordTime, teamId, sequence], act] = parse(globalSchema, text);
  requireSame(digest, query);
  return { at: { recordTime, teamId, sequence }, cursor, act };
}

/** @throws AuditError PAGE_TOKEN_INVALID. */
export function parse<T>(schema: z.ZodType<T>, text: string): T {
  const parsed = schema.safeParse(unpack(text));
  if (parsed.success) return parsed.data;
  throw invalidPageToken("is malformed or of an unknown version");
}

/** The cursor in a page token. A cursor that List did not put there is the token's fault. */
export function decodeTokenCursor<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof AuditError) throw invalidPageToken("holds no cursor of its list");
    throw error;
  }
}

/** PAGE_TOKEN_INVALID, for a token that no List has given. */
export function invalidPageToken(description: string): AuditError {
  return new AuditError("PAGE_TOKEN_INVALID", `the page token ${description}`, {
    violations: [{ field: "page_token", description }],
  });
}

function requireSame(digest: string, query: string): void {
  if (digest === query) return;
  const description = "belongs to another team, filter or order";
  throw new AuditError("PAGE_TOKEN_MISMATCH", `the page token ${description}`, {
    violations: [{ field: "page_token", description }],
  });
}
