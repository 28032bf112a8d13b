import { randomInt } from "node:crypto";
import { Verifier } from "../../src/client/verify/verifier.ts";
import { formatTeamId, type TeamId } from "../../src/ids.ts";
import type { BenchDatabase } from "../database.ts";
import type { BenchServer } from "../server.ts";

/** Logs of which an entry is proved. */
const proved = 8;

/**
 * That every log has exactly the sequences 1 to its head's size, and that there are so many entries.
 *
 * @throws Error naming a log that has not.
 */
export async function checkDense(database: BenchDatabase, entries: number): Promise<void> {
  const [heads] = await database.execute(
    "SELECT coalesce(sum(size), 0)::float8 AS size FROM control_plane.audit_log_heads",
  );
  if (heads?.size !== entries) throw new Error(`${heads?.size} entries instead of ${entries}`);
  const [row] = await database.execute(`
    SELECT head.team_id, head.size, log.* FROM control_plane.audit_log_heads AS head
    FULL JOIN (
      SELECT team_id AS log_team, count(*) AS entries, count(DISTINCT sequence) AS positions,
        min(sequence) AS first, max(sequence) AS last
      FROM control_plane.audit_logs GROUP BY team_id
    ) AS log ON log.log_team = head.team_id
    WHERE (head.size, 1, head.size, head.size) IS DISTINCT FROM (last, first, entries, positions)
    LIMIT 1`);
  if (row !== undefined) throw new Error(`a log is not dense: ${JSON.stringify(row)}`);
}

/**
 * That signed checkpoints cover logs as the database has them, and an entry of each is proved by them.
 *
 * @throws Error naming what is not proved.
 */
export async function checkProofs(server: BenchServer, database: BenchDatabase): Promise<void> {
  const heads = await database.execute(
    `SELECT team_id, size FROM control_plane.audit_log_heads WHERE size > 0 LIMIT ${proved}`,
  );
  if (heads.length === 0) throw new Error("there is no log to prove");
  const verifier = new Verifier({ keys: [server.verifierKey] });
  for (const head of heads) {
    const teamId = formatTeamId(head.team_id as TeamId);
    const size = BigInt(head.size as string);
    const { checkpoint } = await server.client.proofs.getCheckpoint({ teamId });
    const log = await verifier.verifyCheckpoint(checkpoint, teamId);
    if (log.size !== size)
      throw new Error(`${teamId}: ${log.size} signed, ${size} in the database`);
    const sequence = BigInt(randomInt(Number(size)) + 1);
    const key = { case: "sequence", value: sequence } as const;
    const { entry } = await server.client.audit.get({ teamId, key });
    if (entry === undefined) throw new Error(`${teamId}: there is no entry ${sequence}`);
    const proof = await server.client.proofs.getInclusionProof({ teamId, key, treeSize: size });
    verifier.verifyEntry(entry, proof, log);
  }
}
