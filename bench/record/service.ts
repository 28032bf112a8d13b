import { randomUUID } from "node:crypto";
import { type NaiveKind, startNaive } from "../baselines/naive.ts";
import { naiveTable } from "../baselines/naive-store.ts";
import type { BenchDatabase, BenchPostgres } from "../database.ts";
import { findPostmaster, postgresCpuSeconds, processUsage } from "../load/cpu.ts";
import { Load, type Shape } from "../load/load.ts";
import type { Protocol } from "../load/procedure.ts";
import type { Program } from "../program.ts";
import { percentile } from "../samples.ts";
import { startServer } from "../server.ts";
import { adminToken } from "../token.ts";
import type { Contestant, Turn } from "./contestant.ts";
import { checkDense, checkProofs } from "./log-checks.ts";
import { checkNaive } from "./naive-check.ts";

/** Connections of the load generator, as of a few callers. */
const connections = 4;

/** How a service is loaded. */
export interface ServiceOptions {
  readonly name: string;
  readonly protocol: Protocol;
  /** How many teams entries are for, in turns. */
  readonly teams: number;
  /** Entries a call: 1 is Record, more is RecordBatch. */
  readonly entries: number;
  readonly acknowledgeOnly?: boolean;
  /** Settings of Annals beside its own defaults. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Annals, a process of its own on a database of its own. */
export async function startAnnals(
  postgres: BenchPostgres,
  options: ServiceOptions,
): Promise<Contestant> {
  return ServiceContestant.start(
    postgres,
    options,
    "control_plane.audit_logs",
    async (database) => {
      const server = await startServer(database.url, options.env);
      const verify = async (acknowledged: number) => {
        await checkDense(database, acknowledged);
        await checkProofs(server, database);
      };
      return { server, verify };
    },
  );
}

/** A naive service, likewise. */
export async function startNaiveContestant(
  postgres: BenchPostgres,
  kind: NaiveKind,
  options: ServiceOptions,
): Promise<Contestant> {
  return ServiceContestant.start(postgres, options, naiveTable, async (database) => {
    const server = await startNaive(database.url, kind);
    return { server, verify: () => checkNaive(server.url, options.protocol, database) };
  });
}

/** A service, and how it is verified in the end. */
interface Service {
  readonly server: Program;
  verify(acknowledged: number): Promise<void>;
}

/** What a contestant consists of. */
interface Parts {
  readonly table: string;
  readonly database: BenchDatabase;
  readonly service: Service;
  readonly load: Load;
  readonly postmaster: number | undefined;
  readonly resources: AsyncDisposableStack;
}

class ServiceContestant implements Contestant {
  readonly name: string;
  readonly #entries: number;
  readonly #parts: Parts;
  #acknowledged = 0;

  private constructor({ name, entries }: ServiceOptions, parts: Parts) {
    this.name = name;
    this.#entries = entries;
    this.#parts = parts;
  }

  static async start(
    postgres: BenchPostgres,
    options: ServiceOptions,
    table: string,
    startService: (database: BenchDatabase) => Promise<Service>,
  ): Promise<Contestant> {
    await using resources = new AsyncDisposableStack();
    const database = resources.use(await postgres.createDatabase());
    const service = await startService(database);
    resources.use(service.server);
    const { protocol, entries, acknowledgeOnly = false } = options;
    const teams = Array.from({ length: options.teams }, () => randomUUID());
    const load = resources.use(
      await Load.start({
        url: service.server.url,
        path: `audit.v1.AuditService/${entries === 1 ? "Record" : "RecordBatch"}`,
        protocol,
        token: await adminToken(),
        connections,
        messages: { teams, entries, acknowledgeOnly },
      }),
    );
    const postmaster = await findPostmaster(database.url);
    const parts = { table, database, service, load, postmaster, resources: resources.move() };
    return new ServiceContestant(options, parts);
  }

  async run(shape: Shape): Promise<Turn> {
    // Nobody writes back what another has left, and each begins with the same distance to the next.
    await this.#parts.database.execute("CHECKPOINT");
    const server = processUsage(this.#parts.service.server.pid).cpuSeconds;
    const postgres = this.#postgresCpu();
    const tally = await this.#parts.load.run(shape);
    const serverCpu = processUsage(this.#parts.service.server.pid).cpuSeconds - server;
    const postgresCpu = this.#postgresCpu() - postgres;
    const recorded = tally.total * this.#entries;
    this.#acknowledged += recorded;
    const [row] = await this.#parts.database.execute(
      `SELECT count(*)::float8 AS count FROM ${this.#parts.table}`,
    );
    if (Number(row?.count) !== this.#acknowledged) {
      throw new Error(
        `${this.name}: ${this.#acknowledged} entries acknowledged, ${row?.count} in the database`,
      );
    }
    const micros = (cpuSeconds: number) => (cpuSeconds * 1e6) / recorded;
    return {
      perSecond: (tally.answers * this.#entries) / tally.seconds,
      latenciesMs: tally.latenciesMs,
      serverCpu: micros(serverCpu),
      postgresCpu: micros(postgresCpu),
      loadCpu: micros(tally.cpuSeconds),
      lagMs: shape.kind === "open" ? percentile(tally.lagsMs, 0.99) : 0,
    };
  }

  peakBytes(): number {
    return processUsage(this.#parts.service.server.pid).peakBytes;
  }

  verify(): Promise<void> {
    return this.#parts.service.verify(this.#acknowledged);
  }

  #postgresCpu(): number {
    // On another machine it cannot be told; then it is printed as not a number.
    const { postmaster } = this.#parts;
    return postmaster === undefined ? Number.NaN : postgresCpuSeconds(postmaster);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.resources.disposeAsync();
  }
}
