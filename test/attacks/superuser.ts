import { randomUUIDv7 } from "node:crypto";
import pg from "pg";
import { expect } from "vitest";
import type { TeamId } from "../../src/ids.ts";
import type { Entry, NewEntry } from "../../src/log/entry.ts";
import { detailsDigest, leafHash } from "../../src/log/leaf.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { type Tile, tileOf } from "../../src/log/tile.ts";
import { append } from "../../src/store/append.ts";
import { readEntry } from "../../src/store/entries.ts";
import { columnTypes, openPools, sessionOptions } from "../../src/store/pool.ts";
import { insertTile } from "../../src/store/tiles.ts";

const tables = ["audit_logs", "audit_log_heads", "audit_log_tiles", "audit_log_counts"] as const;
/** Out of the way of every position, while rows change places. */
const far = 1_000_000_000n;

/** Somebody with every right in the database, who can compute whatever the server does but sign. */
export class Superuser implements AsyncDisposable {
  readonly teamId: TeamId;
  readonly #url: string;
  readonly #session: pg.Client;

  private constructor(url: string, teamId: TeamId, session: pg.Client) {
    this.#url = url;
    this.teamId = teamId;
    this.#session = session;
  }

  /** Connects, and takes down the triggers that keep the log append-only. */
  static async connect(url: string, teamId: TeamId): Promise<Superuser> {
    const session = new pg.Client({
      connectionString: url,
      types: columnTypes,
      options: sessionOptions,
    });
    await session.connect();
    await session.query(
      "DROP TRIGGER IF EXISTS audit_logs_append_only ON control_plane.audit_logs",
    );
    await session.query(
      "DROP TRIGGER IF EXISTS audit_logs_no_truncate ON control_plane.audit_logs",
    );
    return new Superuser(url, teamId, session);
  }

  /** Any statement. `$1` is the team. */
  async sql<Row extends pg.QueryResultRow>(text: string, ...values: unknown[]): Promise<Row[]> {
    return (await this.#session.query<Row>(text, [this.teamId, ...values])).rows;
  }

  /** The row of an entry. */
  async entry(sequence: bigint): Promise<Entry> {
    const entry = await readEntry(this.#session, this.teamId, { sequence });
    if (entry === undefined) throw new Error(`there is no entry ${sequence}`);
    return entry;
  }

  /** Sets columns of an entry. Example: `edit(7n, "actor_id = 'mallory', scope = 'admin'")` */
  async edit(sequence: bigint, assignments: string): Promise<void> {
    const { rowCount } = await this.#session.query(
      `UPDATE control_plane.audit_logs SET ${assignments} WHERE team_id = $1 AND sequence = $2`,
      [this.teamId, sequence],
    );
    expect(rowCount, `rows of entry ${sequence} edited`).toBe(1);
  }

  /** Makes an entry's digest (unless it is erased) and leaf hash those of its columns. */
  async rehash(sequence: bigint): Promise<void> {
    const entry = await this.entry(sequence);
    const salt = entry.detailsSalt;
    const digest = salt ? detailsDigest(sha256, salt, entry.details) : entry.detailsDigest;
    const leaf = leafHash(sha256, { ...entry, detailsDigest: digest });
    const hex = (bytes: Uint8Array) => `'\\x${Buffer.from(bytes).toString("hex")}'`;
    await this.edit(sequence, `details_digest = ${hex(digest)}, leaf_hash = ${hex(leaf)}`);
  }

  /**
   * Makes tiles and head those of the leaf hashes that the rows have, from 1 without a gap; with a
   * size, of the first so many.
   */
  async rebuildTree(size = far): Promise<void> {
    await this.sql("DELETE FROM control_plane.audit_log_tiles WHERE team_id = $1");
    const leaves = await this.sql<{ leaf_hash: Buffer }>(
      `SELECT leaf_hash FROM control_plane.audit_logs
      WHERE team_id = $1 AND sequence <= $2 ORDER BY sequence`,
      size,
    );
    const frontier = new Frontier(sha256);
    const tiles: Tile[] = [];
    for (const { leaf_hash: leaf } of leaves) {
      frontier.append(leaf, (subtree) => {
        const tile = tileOf(this.teamId, subtree);
        if (tile !== undefined) tiles.push(tile);
      });
    }
    for (const tile of tiles) await insertTile(this.#session, tile);
    await this.sql(
      `UPDATE control_plane.audit_log_heads SET size = $2, frontier = $3,
        last_record_time = (
          SELECT max(record_time) FROM control_plane.audit_logs
          WHERE team_id = $1 AND sequence <= $2
        )
      WHERE team_id = $1`,
      frontier.size,
      Buffer.concat(frontier.hashes),
    );
  }

  /** Takes the rows of a range out. */
  async remove(from: bigint, to = from): Promise<void> {
    await this.sql(
      "DELETE FROM control_plane.audit_logs WHERE team_id = $1 AND sequence BETWEEN $2 AND $3",
      from,
      to,
    );
  }

  /** Moves the rows from a position on up, or with a negative number down. */
  async shift(from: bigint, by: bigint): Promise<void> {
    const move = `UPDATE control_plane.audit_logs SET sequence = sequence + $3
      WHERE team_id = $1 AND sequence >= $2`;
    await this.sql(move, from, far);
    await this.sql(move, far, by - far);
  }

  /** Lets two rows change places. */
  async swap(a: bigint, b: bigint): Promise<void> {
    await this.edit(a, `sequence = ${far}`);
    await this.edit(b, `sequence = ${a}`);
    await this.edit(far, `sequence = ${b}`);
  }

  /** Puts a copy of an entry at a free position, under a new id and with hashes to match. */
  async forge(sequence: bigint, from: bigint): Promise<void> {
    const columns = await this.sql<{ column: string }>(
      `SELECT column_name AS column FROM information_schema.columns
      WHERE table_schema = 'control_plane' AND table_name = 'audit_logs' AND $1::uuid IS NOT NULL`,
    );
    const names = columns.map(({ column }) => column);
    const values = names.map((name) =>
      name === "sequence" ? "$3::bigint" : name === "id" ? "$4::uuid" : name,
    );
    await this.sql(
      `INSERT INTO control_plane.audit_logs (${names.join(", ")})
      SELECT ${values.join(", ")} FROM control_plane.audit_logs
      WHERE team_id = $1 AND sequence = $2::bigint`,
      from,
      sequence,
      randomUUIDv7(),
    );
    await this.rehash(sequence);
  }

  /** Appends entries as the server would, whatever it thinks of the log. */
  async append(...entries: NewEntry[]): Promise<void> {
    const connection = { connectionString: this.#url };
    const pools = openPools({ connection, singleSession: false }, 1, (error) => {
      throw error;
    });
    try {
      await append(pools.write, entries);
    } finally {
      await pools.close();
    }
  }

  /** Keeps a copy of all logs as they are. */
  async dump(name: string): Promise<void> {
    await this.#session.query(`CREATE SCHEMA ${name}`);
    for (const table of tables) {
      await this.#session.query(`CREATE TABLE ${name}.${table} AS TABLE control_plane.${table}`);
    }
  }

  /** Makes all logs what they were when they were dumped. */
  async restore(name: string): Promise<void> {
    const statements = tables.flatMap((table) => [
      `TRUNCATE control_plane.${table}`,
      `INSERT INTO control_plane.${table} SELECT * FROM ${name}.${table}`,
    ]);
    await this.#session.query(["BEGIN", ...statements, "COMMIT"].join(";\n"));
  }

  /** Whether anything in the logs is not as it was when they were dumped. */
  async differs(name: string): Promise<boolean> {
    const digest = (schema: string) =>
      tables
        .map(
          (table) => `(SELECT md5(string_agg(t::text, ',' ORDER BY t)) FROM ${schema}.${table} t)`,
        )
        .join(" || ");
    const { rows } = await this.#session.query<{ differs: boolean }>(
      `SELECT ${digest("control_plane")} IS DISTINCT FROM ${digest(name)} AS differs`,
    );
    return rows[0]?.differs !== false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.end();
  }
}
