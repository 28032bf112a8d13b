import { createHash, randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import type { TeamId } from "../../src/ids.ts";
import { kinds } from "../../src/log/counts.ts";
import type { BenchDatabase } from "../database.ts";
import { figure, progress } from "../report.ts";
import { elapsedMillis } from "../samples.ts";

/** Entries of many teams in a database, half of them one team's. Their hashes are not their own. */
export interface Trail {
  readonly entries: number;
  /** The team that half of the entries are of. */
  readonly large: TeamId;
  /** The size of its log. */
  readonly largeSize: number;
  /** One of the others, which have the other half. */
  readonly small: TeamId;
  /** What of the large log is rare, one entry in a million, and none of it among the newest. */
  readonly rare: RareValues;
}

/** Values that only the rare entries have. */
export interface RareValues {
  readonly actorId: string;
  readonly resourceId: string;
  readonly resourceType: string;
  readonly action: string;
  /** Of one entry alone. */
  readonly requestId: string;
}

const smallTeams = 999;
const chunkEntries = 250_000;
/** That fill at a time. */
const sessions = Math.max(2, availableParallelism());
const spanDays = 90;

/** Every entry with this remainder of its sequence by a million, and one at least. */
const rareAt = (largeSize: number) => Math.floor(Math.min(largeSize, 1_000_000) / 2);

/** An index that is built behind the entries and not with each of them. */
interface Index {
  readonly name: string;
  readonly definition: string;
  readonly constraint: string | null;
}

/**
 * Fills a database with a trail of so many entries, in minutes for ten millions: by SQL, with the
 * indexes built afterwards. Teams come in turns, so that a log's entries lie as far apart as they do
 * where all are recorded at once. Actors, resources and actions are as skewed as the world's are, and
 * rows as long as those of the bench's traffic: longer ones would leave room in their pages that later
 * appends go back to.
 *
 * Heads with frontiers and counts, and the tiles last filled, are those of logs of these sizes, so that
 * appends go on from them.
 */
export async function fillTrail(database: BenchDatabase, entries: number): Promise<Trail> {
  const large = teamAt(0);
  const largeSize = Math.ceil(entries / 2);
  const rare = rareAt(largeSize);
  const indexes = (await database.execute(`
    SELECT index.relname AS name, pg_get_indexdef(index.oid) AS definition,
      pg_get_constraintdef(con.oid) AS constraint
    FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
    LEFT JOIN pg_constraint AS con ON con.conindid = indexrelid AND con.contype = 'u'
    WHERE indrelid = 'control_plane.audit_logs'::regclass AND NOT indisprimary`)) as unknown as Index[];
  const millis = await elapsedMillis(async () => {
    for (const { name, constraint } of indexes) {
      await database.execute(
        constraint === null
          ? `DROP INDEX control_plane.${name}`
          : `ALTER TABLE control_plane.audit_logs DROP CONSTRAINT ${name}`,
      );
    }
    const start = Date.now() - spanDays * 86_400_000;
    let next = 0;
    const fillChunks = async () => {
      while (next < entries) {
        const from = next;
        const to = Math.min(entries, from + chunkEntries) - 1;
        next = to + 1;
        await database.execute(chunk({ from, to, entries, rare, start }));
        if (entries > chunkEntries) progress(`  ${figure(to + 1)} of ${figure(entries)} entries`);
      }
    };
    await Promise.all(Array.from({ length: sessions }, fillChunks));
    for (const { name, definition, constraint } of indexes) {
      await database.execute(
        `SET maintenance_work_mem = '512MB'; ` +
          (constraint === null
            ? definition
            : `ALTER TABLE control_plane.audit_logs ADD CONSTRAINT ${name} ${constraint}`),
      );
    }
    await fillHeads(database);
    await database.execute("VACUUM ANALYZE");
  });
  progress(`filled a trail of ${figure(entries)} entries in ${figure(millis / 1_000)} s`);
  return {
    entries,
    large,
    largeSize,
    small: teamAt(smallTeams),
    rare: {
      actorId: `usr-${uuidOf("rare actor")}`,
      resourceId: `sb-${uuidOf("rare resource")}`,
      resourceType: "rarity",
      action: "rarity.find",
      requestId: `req-rare-${rare}`,
    },
  };
}

/** The id of a team by its number, as SQL makes it too. */
function teamAt(n: number): TeamId {
  return uuidOf(`team ${n}`) as TeamId;
}

function uuidOf(text: string): string {
  const hex = createHash("md5").update(text).digest("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly entries: number;
  readonly rare: number;
  readonly start: number;
}

/**
 * Entries of the numbers from `from` to `to`: of the large team the even ones. `r1` to `r6` are even
 * chances; n ^ r is a rank among n, the first taken most often, as Zipf has it.
 */
function chunk({ from, to, entries, rare, start }: Chunk): string {
  const stepMicros = Math.floor((spanDays * 86_400_000_000) / entries);
  return `
    SELECT setseed(${(from % 1_000_003) / 1_000_003});
    INSERT INTO control_plane.audit_logs (team_id, sequence, id, recorder_type, recorder_id, actor_type,
      actor_id, actor_name, resource_type, resource_id, resource_name, action, scope, status, metadata,
      ip_address, user_agent, request_id, trace_id, occur_time, record_time, details_state,
      details_salt, details_digest, leaf_hash)
    SELECT team_id, sequence,
      (lpad(to_hex((extract(epoch FROM record_time) * 1000)::bigint), 12, '0') || '7'
        || substr(noise, 1, 3) || '8' || substr(noise, 4, 15))::uuid,
      'service', 'bench', actor_type,
      CASE
        WHEN is_rare THEN 'usr-' || md5('rare actor')::uuid
        WHEN actor_type = 'system' THEN 'system'
        WHEN actor_type = 'api_key' THEN 'key-' || md5('key' || (200 ^ r2)::int || team_id)::uuid
        WHEN actor_type = 'service' THEN (ARRAY['scheduler', 'billing', 'autopauser'])[1 + (3 * r2)::int % 3]
        ELSE 'usr-' || md5('user' || (2000 ^ r2)::int || team_id)::uuid
      END,
      CASE actor_type WHEN 'user' THEN 'Person No. ' || (2000 ^ r2)::int
        WHEN 'api_key' THEN 'nightly tests' END,
      CASE WHEN is_rare THEN 'rarity' ELSE split_part(deed, ' ', 1) END,
      CASE
        WHEN is_rare THEN 'sb-' || md5('rare resource')::uuid
        WHEN deed LIKE 'user %' THEN NULL
        WHEN deed LIKE 'snapshot %' THEN 'nightly-' || (5000 ^ r4)::int
        ELSE CASE split_part(deed, ' ', 1) WHEN 'sandbox' THEN 'sb-' WHEN 'team' THEN 'team-'
          WHEN 'api_key' THEN 'key-' ELSE 'host-' END
          || md5(split_part(deed, ' ', 1) || (100000 ^ r4)::int || team_id)::uuid
      END,
      CASE split_part(deed, ' ', 1) WHEN 'sandbox' THEN 'build-' || substr(noise, 8, 4)
        WHEN 'host' THEN 'fra2-' || substr(noise, 8, 3) WHEN 'user' THEN NULL ELSE 'preview key' END,
      CASE WHEN is_rare THEN 'rarity.find' ELSE split_part(deed, ' ', 2) END,
      CASE WHEN is_rare OR r5 < 0.12 THEN 'admin' ELSE 'team' END,
      CASE WHEN is_rare THEN 'warning' WHEN r6 < 0.9 THEN 'success' WHEN r6 < 0.96 THEN 'info' ELSE 'error' END,
      CASE deed WHEN 'sandbox create' THEN '{"template": "node-26"}'::jsonb
        WHEN 'api_key create' THEN '{"name": "preview key"}' WHEN 'user user.login' THEN '{"method": "passkey"}'
        WHEN 'team role_update' THEN '{"new_role": "admin"}'
        WHEN 'team member.add' THEN '{"role": "member", "email": "0106ca@example.org"}' END,
      CASE WHEN with_context THEN ('10.' || (255 * r1)::int || '.' || (255 * r2)::int || '.7')::inet END,
      CASE actor_type WHEN 'user' THEN (ARRAY[
          'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/143.0 Safari/537.36',
          'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36',
          'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
          'sandbox-cli/2.4.1 (darwin; arm64)'
        ])[1 + (2000 ^ r2)::int % 4]
        WHEN 'api_key' THEN 'sandbox-sdk-js/2.1.0' END,
      CASE WHEN is_rare AND sequence = ${rare} THEN 'req-rare-${rare}'
        WHEN with_context THEN 'req-' || substr(noise, 1, 12) END,
      CASE WHEN with_context THEN noise END,
      CASE WHEN is_rare THEN '2001-01-01'::timestamptz ELSE record_time - interval '30 ms' END,
      record_time, 'present', sha256((noise || 's')::bytea), sha256((noise || 'd')::bytea),
      sha256(noise::bytea)
    FROM (
      SELECT *, NOT is_rare AND r1 < 0.85 AS with_context,
        CASE WHEN is_rare THEN 'anonymous' WHEN r1 < 0.65 THEN 'user' WHEN r1 < 0.85 THEN 'api_key'
          WHEN r1 < 0.95 THEN 'service' ELSE 'system' END AS actor_type,
        (ARRAY['sandbox create', 'sandbox destroy', 'sandbox pause', 'sandbox resume', 'sandbox auto_pause',
          'snapshot create', 'user user.login', 'sandbox update', 'snapshot delete', 'api_key create',
          'api_key revoke', 'team role_update', 'host marked_up', 'host marked_down', 'team member.add',
          'team member.remove', 'team rename', 'host create', 'host delete', 'team member.leave'])[
            (20.4 ^ r3)::int] AS deed
      FROM (
        SELECT team.team_id, team.sequence, md5(number.n::text || 'noise') AS noise,
          team.n = 0 AND team.sequence % 1000000 = ${rare} AS is_rare,
          to_timestamp(${start} / 1000.0) + number.n * interval '${stepMicros} microseconds' AS record_time,
          random() AS r1, random() AS r2, random() AS r3, random() AS r4, random() AS r5, random() AS r6
        FROM generate_series(${from}, ${to}) AS number (n)
        CROSS JOIN LATERAL (
          SELECT team.n, team.sequence, md5('team ' || team.n)::uuid AS team_id FROM (
            SELECT CASE WHEN number.n % 2 = 0 THEN 0 ELSE 1 + number.n / 2 % ${smallTeams} END AS n,
              CASE WHEN number.n % 2 = 0 THEN number.n / 2 ELSE number.n / 2 / ${smallTeams} END + 1 AS sequence
          ) AS team
        ) AS team
      ) AS chances
    ) AS chosen`;
}

/**
 * Heads of the logs' sizes, whose frontiers are of as many hashes as their sizes have ones, with their
 * counts (those of every 32nd entry are left out: nothing here is summarized).
 */
async function fillHeads(database: BenchDatabase): Promise<void> {
  const counted = kinds
    .map((kind) => `count(*) FILTER (WHERE status = '${kind.status}' AND scope = '${kind.scope}')`)
    .join(", ");
  const logs = await database.execute(`
    SELECT team_id, count(*)::float8 AS size, max(record_time)::text AS last_record_time,
      ARRAY[${counted}]::text AS counts
    FROM control_plane.audit_logs GROUP BY team_id`);
  const values = logs.map(({ team_id, size, last_record_time, counts }) => {
    const frontier = randomBytes(32 * onesOf(BigInt(Number(size))));
    return `('${team_id}', ${size}, '${last_record_time}', '\\x${frontier.toString("hex")}', '${counts}')`;
  });
  await database.execute(`INSERT INTO control_plane.audit_log_heads
    (team_id, size, last_record_time, frontier, counts) VALUES ${values.join(", ")}`);
  // Those that the next tile above will be made of.
  await database.execute(`INSERT INTO control_plane.audit_log_tiles (team_id, level, tile_index, hashes, root)
    SELECT team_id, 0, tile, string_agg(sha256((tile || ' ' || leaf)::text::bytea), ''),
      sha256(tile::text::bytea)
    FROM control_plane.audit_log_heads, generate_series((size >> 16) << 8, (size >> 8) - 1) AS tile,
      generate_series(1, 256) AS leaf
    GROUP BY team_id, tile`);
}

function onesOf(size: bigint): number {
  return [...size.toString(2)].filter((digit) => digit === "1").length;
}
