import { randomUUID } from "node:crypto";
import type { TeamId } from "../../src/ids.ts";
import { append } from "../../src/store/append.ts";
import type { BenchDatabase } from "../database.ts";
import { figure, progress } from "../report.ts";
import { elapsedMillis } from "../samples.ts";
import { traffic } from "../traffic.ts";

/** A log made by SQL. Its hashes are not those of its entries, and it has no tree. */
export interface LargeLog {
  readonly teamId: TeamId;
  /** Whom many of its entries are by. */
  readonly actorId: string;
  readonly size: number;
  /** When its newest entry was recorded, by RFC 3339. */
  readonly endTime: string;
  /** How long counting it anew took: what the migration does. */
  readonly countMs: number;
}

const spanMs = 90 * 86_400_000;
const shapes = 5_000;
const batchEntries = 500;
const chunkEntries = 500_000;

/** Columns that an entry has from the one it is a copy of. */
const copied = `recorder_type, recorder_id, actor_type, actor_id, actor_name, resource_type,
  resource_id, resource_name, action, scope, status, metadata, ip_address, user_agent, request_id,
  trace_id, occur_time, details_state, details_salt, details_digest, leaf_hash`;

/**
 * Fills a log of this size, evenly over the 90 days up to now, ten entries a moment. They are copies
 * of 5,000 of the demo's that were appended as the server does.
 */
export async function fillLargeLog(database: BenchDatabase, size: number): Promise<LargeLog> {
  const pattern = randomUUID() as TeamId;
  const next = traffic(pattern);
  for (let done = 0; done < shapes; done += batchEntries) {
    await append(database.pools.write, next(batchEntries));
  }
  const teamId = randomUUID() as TeamId;
  const endTime = new Date().toISOString();
  const moment = `'${endTime}'::timestamptz - (${size} - n) / 10 * interval '${(spanMs * 10) / size} milliseconds'`;
  const filling = elapsedMillis(async () => {
    for (let from = 1; from <= size; from += chunkEntries) {
      await database.execute(`INSERT INTO control_plane.audit_logs
          (id, team_id, sequence, record_time, ${copied})
        -- Ids ascend, as those of version 7 do.
        SELECT (lpad(to_hex(n), 12, '0') || '70008000000000000000')::uuid, '${teamId}', n,
          ${moment}, ${copied}
        FROM generate_series(${from}, ${Math.min(size, from + chunkEntries - 1)}) AS n
        JOIN control_plane.audit_logs ON team_id = '${pattern}' AND sequence = n % ${shapes} + 1`);
      progress(`  ${figure(Math.min(size, from + chunkEntries - 1))} of ${figure(size)} entries`);
    }
    await database.execute(`INSERT INTO control_plane.audit_log_heads
      (team_id, size, last_record_time) VALUES ('${teamId}', ${size}, '${endTime}')`);
  });
  progress(`filled a log of ${figure(size)} entries in ${figure((await filling) / 1_000)} s`);
  const countMs = await elapsedMillis(() =>
    database.execute(`SELECT control_plane.count_log('${teamId}')`),
  );
  progress(`counted it in ${figure(countMs / 1_000)} s`);
  await database.execute("VACUUM ANALYZE");
  const [actor] = await database.execute(`SELECT actor_id FROM control_plane.audit_logs
    WHERE team_id = '${pattern}' GROUP BY actor_id ORDER BY count(*) DESC LIMIT 1`);
  return { teamId, actorId: String(actor?.actor_id), size, endTime, countMs };
}
