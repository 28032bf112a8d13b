import type { BenchDatabase } from "../database.ts";
import type { LogShelf } from "../logs.ts";
import { figure } from "../report.ts";
import type { Setting } from "../suite.ts";

const log = "control_plane.audit_logs";
const tiles = "control_plane.audit_log_tiles";
const targetBytes = 110;

/** Bytes that the digest, the leaf hash and the tiles of an entry take in the database. */
export async function measureStorage({ report }: Setting, shelf: LogShelf): Promise<void> {
  const { database, logs } = await shelf.open();
  const entries = logs.reduce((sum, { size }) => sum + size, 0);
  const each = async (bytes: string, from = "") =>
    (await number(database, `SELECT (${bytes})::float8 ${from}`)) / entries;
  const column = (name: string) => each(`sum(pg_column_size(${name}))`, `FROM ${log}`);

  const digest = await column("details_digest");
  const leaf = await column("leaf_hash");
  const salt = await column("details_salt");
  const tileRows = await each(`pg_relation_size('${tiles}')`);
  const tileIndex = await each(`pg_indexes_size('${tiles}')`);
  const tileTotal = await each(`pg_total_relation_size('${tiles}')`);
  const logTotal = await each(`pg_total_relation_size('${log}')`);
  const difference =
    (await copySize(database, allColumns)) - (await copySize(database, otherColumns));
  const total = digest + leaf + tileTotal;
  report.table({
    title: `Storage, ${figure(entries)} entries in ${logs.length} logs: bytes an entry`,
    columns: ["", "bytes"],
    rows: [
      ["details digest", digest],
      ["leaf hash", leaf],
      ["tiles: rows, with their roots", tileRows],
      [
        "tiles: 256 hashes each, out of line, with the index over them",
        tileTotal - tileRows - tileIndex,
      ],
      ["tiles: primary key", tileIndex],
      ["digest, leaf hash and tiles together", total],
      [
        "baseline: the log's table and indexes, less digest and leaf hash",
        logTotal - digest - leaf,
      ],
      [
        "check: a copy of the table, less a copy without digest and leaf hash",
        difference / entries,
      ],
      ["not counted: details salt", salt],
    ],
  });
  report.claim({
    what: `details digest, leaf hash and tiles of an entry, stored, at ${figure(entries)} entries`,
    measured: total,
    unit: "bytes",
    target: { atMost: targetBytes },
  });
}

const otherColumns = `team_id, sequence, id, recorder_type, recorder_id, actor_type, actor_id,
  actor_name, resource_type, resource_id, resource_name, action, scope, status, metadata,
  ip_address, user_agent, request_id, trace_id, occur_time, record_time, details_state,
  details_salt`;
const allColumns = `${otherColumns}, details_digest, leaf_hash`;

/** Bytes of a copy of these columns of the log, without indexes. */
async function copySize(database: BenchDatabase, columns: string): Promise<number> {
  await database.execute(`CREATE UNLOGGED TABLE copy AS SELECT ${columns} FROM ${log}`);
  const size = await number(database, "SELECT pg_table_size('copy')::float8");
  await database.execute("DROP TABLE copy");
  return size;
}

async function number(database: BenchDatabase, sql: string): Promise<number> {
  const [row] = await database.execute(sql);
  return Number(Object.values(row ?? {})[0]);
}
