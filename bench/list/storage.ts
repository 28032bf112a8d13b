import { figure } from "../report.ts";
import type { Setting } from "../suite.ts";
import type { TrailShelf } from "./shelf.ts";

interface Relation {
  readonly name: string;
  readonly bytes: string;
}

/** What entries take on disk, and what each of their indexes adds, in the largest trail. */
export async function measureStorage({ report }: Setting, shelf: TrailShelf): Promise<void> {
  const trail = (await shelf.open()).at(-1);
  if (trail === undefined) throw new Error("there are no trails");
  const { database, entries } = trail;
  const relations = (await database.execute(`
    SELECT 'the entries themselves' AS name, pg_table_size('control_plane.audit_logs')::text AS bytes
    UNION ALL
    SELECT * FROM (
      SELECT 'index ' || relname, pg_relation_size(indexrelid)::text
      FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
      WHERE indrelid = 'control_plane.audit_logs'::regclass ORDER BY relname
    ) AS indexes`)) as unknown as Relation[];
  const all = relations.reduce((sum, { bytes }) => sum + Number(bytes), 0);
  const row = (name: string, bytes: number) => [
    name,
    bytes / entries,
    (bytes / entries / 1024 ** 2) * 1_000_000,
  ];
  report.table({
    title: `Storage of ${figure(entries)} entries in 1,000 logs`,
    columns: ["", "bytes an entry", "MiB a million"],
    rows: [...relations.map(({ name, bytes }) => row(name, Number(bytes))), row("all", all)],
    note:
      "All indexes but the primary key are built behind the entries, as dense as they get; grown with them, pages " +
      "are half to two thirds full. Tiles, counts and heads, some 41 bytes an entry, are in the report on `proofs`.",
  });
}
