import {
  batches,
  createPgbenchTable,
  type InsertScript,
  pgbenchTable,
  singleRow,
} from "../baselines/insert-scripts.ts";
import { findPgbench, runPgbench } from "../baselines/pgbench.ts";
import type { BenchDatabase, BenchPostgres } from "../database.ts";
import { childrenCpuSeconds, findPostmaster, postgresCpuSeconds } from "../load/cpu.ts";
import type { Shape } from "../load/load.ts";
import { figure, progress } from "../report.ts";
import type { Setting } from "../suite.ts";
import type { Contestant, Turn } from "./contestant.ts";

/** Numbers of clients that are tried; the best is taken. At a fifth of the peak few have the shortest tail. */
const candidates = { single: [8, 16, 32, 64], paced: [8], batch: [1, 2, 4, 8] };

type Kind = keyof typeof candidates;

/** A way of inserting, and with how many clients. */
interface Way {
  readonly script: InsertScript;
  readonly clients: number;
}

/** The best way on a PostgreSQL, tried once a run. */
const best = new WeakMap<BenchPostgres, Map<Kind, Way>>();

/** PostgreSQL by itself: its own bench inserts the same columns under the same indexes. */
export async function startPgbench(
  { postgres, quick }: Pick<Setting, "postgres" | "quick">,
  kind: Kind,
): Promise<Contestant> {
  const program = await findPgbench();
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await postgres.createDatabase());
  await createPgbenchTable(database.pools.write);
  const known = best.get(postgres) ?? new Map<Kind, Way>();
  const way = known.get(kind) ?? (await tune(program, postgres, database, kind, quick));
  best.set(postgres, known.set(kind, way));
  const postmaster = await findPostmaster(database.url);
  return new PgbenchContestant(program, way, database, postmaster, resources.move());
}

async function tune(
  program: string,
  postgres: BenchPostgres,
  database: BenchDatabase,
  kind: Kind,
  quick: boolean,
): Promise<Way> {
  const makeId = await idFunction(postgres, database);
  const scripts = kind === "batch" ? batches(makeId) : [singleRow(makeId)];
  const counts = quick && kind !== "paced" ? candidates[kind].slice(1, 2) : candidates[kind];
  const tried = counts.flatMap((clients) =>
    scripts.map((script) => ({ script, clients, perSecond: 0 })),
  );
  const [only, ...others] = tried;
  if (only !== undefined && others.length === 0) return only;
  // There and back, so that what else the machine does befalls all alike.
  for (const way of quick ? tried : [...tried, ...tried.toReversed()]) {
    const { script, clients } = way;
    const run = { url: database.url, ...script, clients, seconds: quick ? 1 : 5 };
    const perSecond = (await runPgbench(program, run)).perSecond * script.rows;
    progress(`pgbench: ${script.name}, ${clients} clients: ${figure(Math.round(perSecond))}/s`);
    way.perSecond += perSecond;
  }
  return tried.reduce((one, other) => (other.perSecond > one.perSecond ? other : one));
}

/** Ids that increase, as those of the SDK do; before PostgreSQL 18 it cannot make them. */
async function idFunction(postgres: BenchPostgres, database: BenchDatabase): Promise<string> {
  const [row] = await database.execute("SELECT to_regprocedure('uuidv7()') IS NOT NULL AS known");
  if (row?.known !== true) progress(`PostgreSQL ${postgres.version} has no uuidv7: random ids`);
  return row?.known === true ? "uuidv7()" : "gen_random_uuid()";
}

class PgbenchContestant implements Contestant {
  readonly name: string;
  readonly #program: string;
  readonly #script: InsertScript;
  readonly #clients: number;
  readonly #database: BenchDatabase;
  readonly #postmaster: number | undefined;
  readonly #resources: AsyncDisposableStack;

  constructor(
    program: string,
    { script, clients }: Way,
    database: BenchDatabase,
    postmaster: number | undefined,
    resources: AsyncDisposableStack,
  ) {
    this.name = `(c) pgbench, ${script.name}, ${clients} clients`;
    this.#program = program;
    this.#script = script;
    this.#clients = clients;
    this.#database = database;
    this.#postmaster = postmaster;
    this.#resources = resources;
  }

  /** However many a closed loop wants in flight, pgbench has the number of clients that is best for it. */
  async run(shape: Shape): Promise<Turn> {
    await this.#database.execute("CHECKPOINT");
    const before = await this.#count();
    const postgres = this.#postgresCpu();
    const load = childrenCpuSeconds();
    const { rows } = this.#script;
    const { transactions, perSecond, latenciesMs } = await runPgbench(this.#program, {
      url: this.#database.url,
      ...this.#script,
      clients: this.#clients,
      seconds: shape.seconds,
      ...(shape.kind === "open" ? { perSecond: shape.perSecond / rows } : {}),
      log: shape.kind === "open",
    });
    const postgresCpu = this.#postgresCpu() - postgres;
    const inserted = transactions * rows;
    const loadCpu = ((childrenCpuSeconds() - load) * 1e6) / inserted;
    const found = (await this.#count()) - before;
    if (found !== inserted) {
      throw new Error(`${this.name}: ${inserted} rows inserted, ${found} found`);
    }
    return {
      perSecond: perSecond * rows,
      latenciesMs,
      serverCpu: 0,
      postgresCpu: (postgresCpu * 1e6) / inserted,
      loadCpu,
      lagMs: 0,
    };
  }

  peakBytes(): number {
    return 0;
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  async #count(): Promise<number> {
    const [row] = await this.#database.execute(
      `SELECT count(*)::float8 AS count FROM ${pgbenchTable}`,
    );
    return Number(row?.count);
  }

  #postgresCpu(): number {
    return this.#postmaster === undefined ? Number.NaN : postgresCpuSeconds(this.#postmaster);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
