import type { ApiKeyId, TeamId } from "../ids.ts";
import type { Millis } from "../log/entry.ts";
import { timeText } from "../log/filter.ts";
import type { Queryable } from "./pool.ts";

export const grants = ["read", "read_admin", "record_any_actor"] as const;
/** What a credential may do besides recording as itself. */
export type Grant = (typeof grants)[number];

/** An API key without its secret. */
export interface ApiKey {
  readonly id: ApiKeyId;
  readonly teamId: TeamId;
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly secretHint: string;
  readonly createTime: Millis;
  readonly expireTime?: Millis;
  readonly revokeTime?: Millis;
  readonly lastUseTime?: Millis;
}

/** A key to make; the secret is kept only as its SHA-256. */
export interface NewApiKey {
  readonly id: ApiKeyId;
  readonly teamId: TeamId;
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly secretHash: Uint8Array;
  readonly secretHint: string;
  readonly expireTime?: Millis;
}

interface KeyRow {
  id: ApiKeyId;
  team_id: TeamId;
  name: string;
  grants: Grant[];
  secret_hint: string;
  create_time: Millis;
  expire_time: Millis | null;
  revoke_time: Millis | null;
  last_use_time: Millis | null;
}

const columns =
  "id, team_id, name, grants, secret_hint, create_time, expire_time, revoke_time, last_use_time";

/** Stores a new key. */
export async function insertKey(db: Queryable, key: NewApiKey): Promise<ApiKey> {
  const { rows } = await db.query<KeyRow>({
    text: `INSERT INTO control_plane.api_keys
        (id, team_id, name, grants, secret_hash, secret_hint, create_time, expire_time)
      VALUES ($1, $2, $3, $4::text[], $5, $6, clock_timestamp(), $7::timestamptz)
      RETURNING ${columns}`,
    values: [
      key.id,
      key.teamId,
      key.name,
      key.grants,
      Buffer.from(key.secretHash),
      key.secretHint,
      key.expireTime === undefined ? null : timeText(key.expireTime),
    ],
  });
  return keyFromRow(rows[0] as KeyRow);
}

/** The key with a secret of this SHA-256, revoked and expired ones included. */
export async function findKey(db: Queryable, secretHash: Uint8Array): Promise<ApiKey | undefined> {
  const { rows } = await db.query<KeyRow>({
    name: "key",
    text: `SELECT ${columns} FROM control_plane.api_keys WHERE secret_hash = $1`,
    values: [Buffer.from(secretHash)],
  });
  return rows[0] && keyFromRow(rows[0]);
}

/** A team's keys, newest first, below an id if one is given (key ids are UUIDv7). */
export async function listKeys(
  db: Queryable,
  teamId: TeamId,
  below: ApiKeyId | undefined,
  limit: number,
): Promise<ApiKey[]> {
  const { rows } = await db.query<KeyRow>({
    text: `SELECT ${columns} FROM control_plane.api_keys
      WHERE team_id = $1 AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
      ORDER BY id DESC LIMIT $3`,
    values: [teamId, below ?? null, limit],
  });
  return rows.map(keyFromRow);
}

/** One of a team's keys. */
export async function readKey(
  db: Queryable,
  teamId: TeamId,
  id: ApiKeyId,
): Promise<ApiKey | undefined> {
  const { rows } = await db.query<KeyRow>({
    text: `SELECT ${columns} FROM control_plane.api_keys WHERE team_id = $1 AND id = $2`,
    values: [teamId, id],
  });
  return rows[0] && keyFromRow(rows[0]);
}

/** Revokes a key; undefined if there is no such key or it was revoked before. */
export async function revokeKey(
  db: Queryable,
  teamId: TeamId,
  id: ApiKeyId,
): Promise<ApiKey | undefined> {
  const { rows } = await db.query<KeyRow>({
    text: `UPDATE control_plane.api_keys SET revoke_time = clock_timestamp()
      WHERE team_id = $1 AND id = $2 AND revoke_time IS NULL RETURNING ${columns}`,
    values: [teamId, id],
  });
  return rows[0] && keyFromRow(rows[0]);
}

/** Notes that a key was used, at most once a minute. */
export async function touchKey(db: Queryable, teamId: TeamId, id: ApiKeyId): Promise<void> {
  await db.query({
    name: "touch-key",
    text: `UPDATE control_plane.api_keys SET last_use_time = now()
      WHERE team_id = $1 AND id = $2
        AND (last_use_time IS NULL OR last_use_time < now() - interval '1 minute')`,
    values: [teamId, id],
  });
}

function keyFromRow(row: KeyRow): ApiKey {
  return {
    id: row.id,
    teamId: row.team_id,
    name: row.name,
    grants: row.grants,
    secretHint: row.secret_hint,
    createTime: row.create_time,
    ...(row.expire_time === null ? {} : { expireTime: row.expire_time }),
    ...(row.revoke_time === null ? {} : { revokeTime: row.revoke_time }),
    ...(row.last_use_time === null ? {} : { lastUseTime: row.last_use_time }),
  };
}
