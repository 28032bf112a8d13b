import type pg from "pg";
import type { TeamId } from "../../src/ids.ts";
import { traffic } from "../traffic.ts";

/** pgbench's table: the columns, checks and indexes of Annals' own, in the same database. */
export const pgbenchTable = "control_plane.pgbench_logs";

/** A transaction for pgbench. */
export interface InsertScript {
  readonly name: string;
  /** Ways to make it, taken at random. */
  readonly scripts: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** Rows a transaction. */
  readonly rows: number;
}

const batchRows = 200;
/** More would have to be prepared by each client in each run. */
const entriesForSingleRows = 8;
/** Ids that differ from row to row, and how many there are: about as many as of the demo's. */
const variedColumns = new Map([
  ["actor_id", 200],
  ["resource_id", 1_000],
  ["request_id", 4_000],
]);

/** Makes the table: positions from a database sequence, since pgbench keeps no heads. */
export async function createPgbenchTable(db: pg.Pool): Promise<void> {
  for (const statement of [
    `CREATE TABLE IF NOT EXISTS ${pgbenchTable} (LIKE control_plane.audit_logs INCLUDING ALL)`,
    `CREATE SEQUENCE IF NOT EXISTS ${pgbenchTable}_sequence OWNED BY ${pgbenchTable}.sequence`,
  ]) {
    await db.query(statement);
  }
}

const next = `nextval('${pgbenchTable}_sequence')`;
const names =
  "team_id, sequence, id, recorder_type, recorder_id, actor_type, actor_id, actor_name, " +
  "resource_type, resource_id, resource_name, action, scope, status, metadata, ip_address, " +
  "user_agent, request_id, trace_id, occur_time, record_time, details_state, details_salt, " +
  "details_digest, leaf_hash";

/**
 * One row a transaction, of one of a few of the demo's entries: those that stand for its small and large
 * ones, with as many actors, resources and requests, and constant hashes. `makeId` is the database's
 * function that makes an id, best one of increasing ids.
 */
export function singleRow(makeId: string): InsertScript {
  const columns = demoColumns();
  const bytes = (row: number) =>
    [...columns.values()].reduce((sum, cells) => sum + (cells[row]?.length ?? 0), 0);
  const bySize = Array.from({ length: batchRows }, (_, row) => row).sort(
    (one, other) => bytes(one) - bytes(other),
  );
  const given = (name: string, row: number) => {
    const cell = columns.get(name)?.[row] ?? null;
    const varied = cell !== null && cell.length > 12 && variedColumns.has(name);
    if (!varied) return `${literal(cell)}::${types[name] ?? "text"}`;
    return `${literal(cell.slice(0, -12))} || lpad(to_hex(:${name}::int), 12, '0')`;
  };
  const made = madeColumns(makeId);
  const variables = [...variedColumns].map(
    ([name, count]) => `\\set ${name} random(1, ${count})\n`,
  );
  return {
    name: "one row",
    rows: 1,
    variables: {},
    // The middle of each eighth.
    scripts: Array.from({ length: entriesForSingleRows }, (_, i) => {
      const row = bySize[Math.floor(((i + 0.5) / entriesForSingleRows) * batchRows)] as number;
      const cells = names.split(", ").map((name) => made.get(name) ?? given(name, row));
      return `${chooseTeam}${variables.join("")}INSERT INTO ${pgbenchTable} (${names})
VALUES (${cells.join(", ")});\n`;
    }),
  };
}

const chooseTeam = "\\set team random(1, 8)\n";

/** What is made for each row; the other columns are the demo's. */
function madeColumns(makeId: string): ReadonlyMap<string, string> {
  return new Map([
    ["team_id", "('5b1f3a52-5c0e-4f0e-8f8b-' || lpad(to_hex(:team::int), 12, '0'))::uuid"],
    ["sequence", next],
    ["id", makeId],
    ["record_time", "clock_timestamp()"],
  ]);
}

/**
 * Batches of 200 of the demo's entries, each batch for one team, in two ways: by arrays and `unnest`, as
 * Annals inserts, and by a list of VALUES that is parsed once.
 */
export function batches(makeId: string): InsertScript[] {
  const columns = demoColumns();
  const made = madeColumns(makeId);
  const given = [...columns].filter(([name]) => !made.has(name));
  const value = (name: string) => made.get(name) ?? `${name}::${types[name] ?? "text"}`;
  const order = names.split(", ");
  const rows = Array.from({ length: batchRows }, (_, row) => {
    const cells = order.map((name) => {
      const cell = columns.get(name)?.[row] ?? null;
      return made.get(name) ?? `${literal(cell)}::${types[name] ?? "text"}`;
    });
    return `(${cells.join(",")})`;
  });
  return [
    {
      name: `unnest, ${batchRows} rows`,
      rows: batchRows,
      variables: Object.fromEntries(given.map(([name, cells]) => [name, arrayText(cells)])),
      scripts: [
        `${chooseTeam}INSERT INTO ${pgbenchTable} (${names})
SELECT ${order.map(value).join(", ")}
FROM unnest(${given.map(([name]) => `:${name}::text[]`).join(", ")})
  AS entry (${given.map(([name]) => name).join(", ")});
`,
      ],
    },
    {
      name: `VALUES, ${batchRows} rows`,
      rows: batchRows,
      variables: {},
      scripts: [
        `${chooseTeam}INSERT INTO ${pgbenchTable} (${names}) VALUES\n${rows.join(",\n")};\n`,
      ],
    },
  ];
}

const types: Readonly<Record<string, string>> = {
  metadata: "jsonb",
  ip_address: "inet",
  occur_time: "timestamptz",
  details_salt: "bytea",
  details_digest: "bytea",
  leaf_hash: "bytea",
};

/** The demo's entries by column, as text. */
function demoColumns(): Map<string, (string | null)[]> {
  const entries = traffic("5b1f3a52-5c0e-4f0e-8f8b-000000000000" as TeamId)(batchRows);
  const hash = `\\x${"5a".repeat(32)}`;
  const rows = entries.map((entry): Record<string, string | undefined> => {
    const { details, resource } = entry;
    return {
      recorder_type: entry.recorder.type,
      recorder_id: entry.recorder.id,
      actor_type: entry.actor.type,
      actor_id: entry.actor.id,
      actor_name: details.actorName,
      resource_type: resource?.type,
      resource_id: resource?.id,
      resource_name: details.resourceName,
      action: entry.action,
      scope: entry.scope,
      status: entry.status,
      metadata: details.metadata && JSON.stringify(details.metadata),
      ip_address: details.ipAddress,
      user_agent: details.userAgent,
      request_id: details.requestId,
      trace_id: details.traceId,
      occur_time: new Date(entry.occurTime ?? 0).toISOString(),
      details_state: Object.keys(details).length === 0 ? "none" : "present",
      details_salt: hash,
      details_digest: hash,
      leaf_hash: hash,
    };
  });
  return new Map(
    names.split(", ").map((name) => [name, rows.map((row) => row[name] ?? null)] as const),
  );
}

function literal(value: string | null): string {
  // pgbench takes a colon and a letter for a variable, in quotes too.
  return value === null ? "NULL" : `E'${quoted(value)}'`;
}

function quoted(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/'/g, "\\'").replace(/:/g, "\\x3a");
}

function arrayText(values: readonly (string | null)[]): string {
  const cells = values.map((value) =>
    value === null ? "NULL" : `"${value.replace(/["\\]/g, "\\$&")}"`,
  );
  return `{${cells.join(",")}}`;
}
