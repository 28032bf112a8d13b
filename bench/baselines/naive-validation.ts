/** What the two naive services have in common: who calls, and whether an entry is valid. */
import { randomUUIDv7 } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type JWTPayload, jwtVerify } from "jose";
import { z } from "zod";
import {
  ActorType,
  type AuditEntry,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const prefixed = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}-${uuid}$`))
    .transform((text) => text.slice(prefix.length + 1));
const optionalText = z
  .string()
  .max(256)
  .transform((text) => (text === "" ? undefined : text));
const words = z
  .string()
  .regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/)
  .max(256);
/** The enum's number, as the word that is stored. */
const word = <Word extends string>(names: Readonly<Record<number, Word>>) =>
  z.number().transform((value, context): Word => {
    const name = names[value];
    if (name !== undefined) return name;
    context.addIssue("is not known");
    return z.NEVER;
  });

const entrySchema = z.object({
  id: z.union([z.literal("").transform(() => randomUUIDv7()), prefixed("log")]),
  teamId: prefixed("team"),
  actor: z
    .object({
      type: word({
        [ActorType.USER]: "user",
        [ActorType.API_KEY]: "api_key",
        [ActorType.SERVICE]: "service",
        [ActorType.SYSTEM]: "system",
        [ActorType.ANONYMOUS]: "anonymous",
      }),
      id: z.string().max(256),
      name: optionalText,
    })
    .transform((actor) => ({ ...actor, id: actor.id === "" ? actor.type : actor.id })),
  resource: z.object({ type: words, id: optionalText, name: optionalText }).optional(),
  action: words,
  scope: word({
    [EntryScope.UNSPECIFIED]: "team",
    [EntryScope.TEAM]: "team",
    [EntryScope.ADMIN]: "admin",
  }),
  status: word({
    [EntryStatus.UNSPECIFIED]: "success",
    [EntryStatus.SUCCESS]: "success",
    [EntryStatus.INFO]: "info",
    [EntryStatus.WARNING]: "warning",
    [EntryStatus.ERROR]: "error",
  }),
  context: z
    .object({
      ipAddress: z.union([z.literal("").transform(() => undefined), z.ipv4(), z.ipv6()]),
      userAgent: z.string().max(1_024),
      requestId: optionalText,
      traceId: optionalText,
    })
    .optional(),
});

/** A valid entry to insert, in the database's words. */
export type ValidEntry = z.infer<typeof entrySchema> & {
  readonly recorder: { readonly type: "user" | "service"; readonly id: string };
  readonly metadata: JsonObject | undefined;
  readonly occurTime: Timestamp | undefined;
};

/** A call that is refused, and whether for who called. */
export class Refused extends Error {
  readonly unauthenticated: boolean;

  constructor(message: string, unauthenticated: boolean) {
    super(message);
    this.unauthenticated = unauthenticated;
  }
}

/**
 * Checks an entry's fields.
 *
 * @throws Refused saying what is wrong.
 */
export function validate(entry: AuditEntry | undefined, caller: JWTPayload): ValidEntry {
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) throw new Refused(z.prettifyError(parsed.error), false);
  const type = caller.role === "service" ? "service" : "user";
  return {
    ...parsed.data,
    recorder: { type, id: String(caller.sub) },
    metadata: entry?.metadata,
    occurTime: entry?.occurTime,
  };
}

/** A team's id without its prefix; throws Refused. */
export function validTeam(teamId: string): string {
  const parsed = prefixed("team").safeParse(teamId);
  if (!parsed.success) throw new Refused("team_id: must be team-{uuid}", false);
  return parsed.data;
}

const mostTokens = 10_000;

/**
 * Makes a check of `Authorization` headers. A token that was verified is remembered until it expires:
 * not everybody's service of a day does that, but a fair rival does, since Annals does.
 */
export function tokenCheck(secret: string): (authorization: string | null) => Promise<JWTPayload> {
  const key = new TextEncoder().encode(secret);
  const known = new Map<string, JWTPayload>();
  return async (authorization) => {
    const token = /^Bearer (\S+)$/.exec(authorization ?? "")?.[1];
    if (token === undefined) throw new Refused("a token is required", true);
    const held = known.get(token);
    if (held !== undefined && (held.exp ?? 0) * 1_000 > Date.now()) return held;
    try {
      const { payload } = await jwtVerify(token, key, { algorithms: ["HS256"] });
      if (known.size >= mostTokens) known.clear();
      known.set(token, payload);
      return payload;
    } catch {
      throw new Refused("the token is not valid", true);
    }
  };
}
