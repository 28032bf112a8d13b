import { randomUUID } from "node:crypto";
import type pg from "pg";
import type { TeamId } from "../src/ids.ts";
import { append } from "../src/store/append.ts";
import type { BenchDatabase, BenchPostgres } from "./database.ts";
import { figure, progress } from "./report.ts";
import { traffic } from "./traffic.ts";

/** A team's log and its size. */
export interface FilledLog {
  readonly teamId: TeamId;
  readonly size: number;
}

/** Logs in a database of their own. */
export interface FilledLogs {
  readonly database: BenchDatabase;
  /** Smallest first. */
  readonly logs: readonly FilledLog[];
}

/** Logs of 1,000 entries, ten times as many, and so on up to the largest; made when first asked for. */
export class LogShelf implements AsyncDisposable {
  readonly #postgres: BenchPostgres;
  readonly #sizes: readonly number[];
  #filled: Promise<FilledLogs> | undefined;

  constructor(postgres: BenchPostgres, largest: number) {
    this.#postgres = postgres;
    const sizes = [1_000];
    while ((sizes.at(-1) ?? 0) * 10 < largest) sizes.push((sizes.at(-1) ?? 0) * 10);
    this.#sizes = largest > 1_000 ? [...sizes, largest] : sizes;
  }

  /** The logs, filled. */
  open(): Promise<FilledLogs> {
    this.#filled ??= this.#fill();
    return this.#filled;
  }

  async #fill(): Promise<FilledLogs> {
    await using cleanup = new AsyncDisposableStack();
    const database = cleanup.use(await this.#postgres.createDatabase());
    const logs: FilledLog[] = [];
    for (const size of this.#sizes) {
      logs.push({ teamId: await fillLog(database.pools.write, size), size });
    }
    // What autovacuum would do in its time; meanwhile it would be measured along.
    await database.execute("VACUUM ANALYZE");
    cleanup.move();
    return { database, logs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What went wrong in filling them, whoever opened them has heard.
    const filled = await this.#filled?.catch(() => undefined);
    await filled?.database[Symbol.asyncDispose]();
  }
}

const batchEntries = 500;

/** Makes a team with a log of this size, appended as the server does. */
async function fillLog(pool: pg.Pool, size: number): Promise<TeamId> {
  const teamId = randomUUID() as TeamId;
  const next = traffic(teamId);
  const start = performance.now();
  for (let done = 0; done < size; ) {
    const count = Math.min(batchEntries, size - done);
    await append(pool, next(count));
    done += count;
    if (done % 250_000 === 0) progress(`  ${figure(done)} of ${figure(size)} entries`);
  }
  const rate = size / ((performance.now() - start) / 1_000);
  progress(`filled a log of ${figure(size)} entries, ${figure(Math.round(rate))}/s`);
  return teamId;
}
