import pg from "pg";
import { expect } from "vitest";

/**
 * A team's entry ids by position, read from the database itself.
 *
 * Fails the test unless positions are 1, 2, 3 … up to the head, ids are unique, and record times
 * never go back.
 */
export async function readStoredLog(url: string, teamId: string): Promise<string[]> {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  try {
    const { rows } = await session.query<{ sequence: string; id: string; record_time: Date }>(
      `SELECT sequence, 'log-' || id AS id, record_time FROM control_plane.audit_logs
       WHERE team_id = $1 ORDER BY sequence`,
      [teamId.replace("team-", "")],
    );
    const heads = await session.query<{ size: string }>(
      "SELECT size FROM control_plane.audit_log_heads WHERE team_id = $1",
      [teamId.replace("team-", "")],
    );
    expect(Number(heads.rows[0]?.size ?? 0)).toBe(rows.length);
    let time = 0;
    for (const [i, row] of rows.entries()) {
      if (Number(row.sequence) !== i + 1) expect.fail(`position ${i + 1} has ${row.sequence}`);
      if (row.record_time.getTime() < time) expect.fail(`the time goes back at ${i + 1}`);
      time = row.record_time.getTime();
    }
    const ids = rows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    return ids;
  } finally {
    await session.end();
  }
}

/** Fails the test unless every acknowledged entry is in its team's log at its position. */
export function expectAcknowledged(
  acknowledged: ReadonlyMap<string, bigint>,
  log: readonly string[],
): void {
  const places = new Map(log.map((id, i) => [id, BigInt(i + 1)]));
  const lost = [...acknowledged].filter(([id, sequence]) => places.get(id) !== sequence);
  expect(lost).toEqual([]);
}
