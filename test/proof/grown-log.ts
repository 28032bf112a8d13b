import type pg from "pg";
import type { Entry } from "../../src/log/entry.ts";
import { leafText } from "../../src/log/leaf.ts";
import { append } from "../../src/store/append.ts";
import type { Pools } from "../../src/store/pool.ts";
import { DefinedTree } from "../log/defined-tree.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";

const batchEntries = 500;

/** A log that a test lets grow, and the tree that it should have by the definition. */
export class GrownLog {
  readonly teamId = newTeam();
  readonly entries: Entry[] = [];
  readonly #pools: Pools;
  readonly #leaves: Buffer[] = [];

  constructor(pools: Pools) {
    this.#pools = pools;
  }

  get db(): pg.Pool {
    return this.#pools.read;
  }

  /** Appends entries until there are so many, and answers with the tree over them. */
  async growTo(size: number): Promise<DefinedTree> {
    while (this.entries.length < size) {
      const count = Math.min(batchEntries, size - this.entries.length);
      const batch = Array.from({ length: count }, () => newEntry(this.teamId));
      const { appended } = await append(this.#pools.write, batch);
      this.entries.push(...appended);
      this.#leaves.push(...appended.map((entry) => Buffer.from(leafText(entry))));
    }
    return new DefinedTree(this.#leaves);
  }

  /** Raises the retention floor as far as it goes and prunes what is below; answers with it. */
  async prune(): Promise<number> {
    const { rows } = await this.db.query<{ first_sequence: bigint }>(
      `UPDATE control_plane.audit_log_heads SET first_sequence = size / 256 * 256 + 1
       WHERE team_id = $1 RETURNING first_sequence`,
      [this.teamId],
    );
    const floor = rows[0]?.first_sequence ?? 1n;
    await this.db.query(
      "DELETE FROM control_plane.audit_logs WHERE team_id = $1 AND sequence < $2",
      [this.teamId, String(floor)],
    );
    return Number(floor);
  }
}
