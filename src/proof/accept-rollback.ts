import { randomUUIDv7 } from "node:crypto";
import type { EntryId, TeamId } from "../ids.ts";
import { base64 } from "../log/base64.ts";
import type { Entry, JsonObject, NewEntry } from "../log/entry.ts";
import type { SigningKey } from "../log/signing-key.ts";
import { encodedBytes } from "../log/size.ts";
import { append } from "../store/append.ts";
import { readTreeHeads } from "../store/heads.ts";
import type { Pools, Queryable } from "../store/pool.ts";
import type { CheckpointStore, SignedHead } from "./checkpoint-store.ts";
import { type Contradiction, findContradiction, hasRoot } from "./contradiction.ts";
import { signHead } from "./signed-head.ts";

/**
 * The only way on for a log that contradicts what was signed for it: somebody accepts that it is so.
 * That is recorded in the log itself, and the note that it contradicts is kept.
 */

/** A log's contradiction of a head that was signed. */
export type SignedContradiction = Contradiction & { readonly signed: SignedHead };

/** The rollback cannot be accepted. */
export class NotAcceptable extends Error {
  override readonly name = "NotAcceptable";
}

const damage =
  "its head is not that of its entries: the database is damaged, restore it from a backup";

/**
 * Compares the log of a team, or all logs, with what was signed, one after another.
 *
 * @throws NotAcceptable if the team's log was never signed and contradicts itself.
 */
export async function* findContradictions(
  db: Queryable,
  store: CheckpointStore,
  team?: TeamId,
): AsyncGenerator<SignedContradiction> {
  if (team !== undefined && (await store.get(team)) === undefined) {
    const found = (await readTreeHeads(db, [team]))(team);
    if (await findContradiction(db, team, undefined, found)) throw new NotAcceptable(damage);
  }
  for await (const group of team === undefined ? store.all() : [await headOf(store, team)]) {
    const foundOf = await readTreeHeads(
      db,
      group.map(({ teamId }) => teamId),
    );
    for (const signed of group) {
      const { teamId } = signed;
      const contradiction = await findContradiction(db, teamId, signed, foundOf(teamId));
      if (contradiction !== undefined) yield { ...contradiction, signed };
    }
  }
}

async function headOf(store: CheckpointStore, teamId: TeamId): Promise<readonly SignedHead[]> {
  const signed = await store.get(teamId);
  return signed === undefined ? [] : [signed];
}

/**
 * Accepts a log as it was found: appends an entry that says so, then signs the log with it and puts
 * that in the place of the head it contradicts. After a crash in between the log is still refused,
 * and may be accepted again. Returns the entry.
 *
 * @throws NotAcceptable if the log's head is not that of its entries, which would be signed forever;
 *   or if log or store have changed since they were looked at.
 */
export async function acceptRollback(
  pools: Pools,
  store: CheckpointStore,
  key: SigningKey,
  { teamId, signed, found }: SignedContradiction,
  reason: string,
): Promise<Entry> {
  const { size, root } = found;
  if (root === undefined || !(await hasRoot(pools.read, teamId, size, root))) {
    throw new NotAcceptable(damage);
  }
  const acceptance = acceptanceOf(teamId, {
    signed_size: String(signed.size),
    signed_root: base64(signed.root),
    found_size: String(size),
    found_root: base64(root),
    reason,
  });
  const changed = new NotAcceptable("it has changed meanwhile: look again");
  const { appended, refused } = await append(pools.write, [acceptance], {
    guard: (_, present) => (present === size ? "append" : changed),
  });
  const [entry] = appended;
  if (entry === undefined) throw refused.get(teamId) ?? changed;

  const head = (await readTreeHeads(pools.read, [teamId]))(teamId);
  const accepted = signHead(key, teamId, found);
  if (await findContradiction(pools.read, teamId, accepted, head)) throw changed;
  const next = signHead(key, teamId, head);
  const present = await store.supersede(signed, next, reason);
  if (present?.note !== next.note) throw changed;
  return entry;
}

function acceptanceOf(teamId: TeamId, metadata: JsonObject): NewEntry {
  const entry: Omit<NewEntry, "bytes"> = {
    id: randomUUIDv7() as EntryId,
    teamId,
    recorder: { type: "annals", id: "annals" },
    actor: { type: "system", id: "system" },
    resource: { type: "audit_log" },
    action: "accept_rollback",
    scope: "admin",
    status: "error",
    details: { metadata },
  };
  return { ...entry, bytes: encodedBytes(entry) };
}
