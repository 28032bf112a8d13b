import { randomUUID } from "node:crypto";
import { startNaive } from "../baselines/naive.ts";
import type { BenchPostgres } from "../database.ts";
import { startServer } from "../server.ts";
import { adminToken } from "../token.ts";

/** A server on a database of its own, and a team whose log is empty. */
export interface Contestant extends AsyncDisposable {
  readonly url: string;
  /** A second server on the same database; its log is followed there. */
  readonly secondUrl: string | undefined;
  readonly pid: number;
  readonly token: string;
  /** The team's UUID. */
  readonly team: string;
  /** Whether its streams bring entries in the order of their sequences. */
  readonly inOrder: boolean;
}

/** Which server to start. */
export interface ContestantOptions {
  readonly naive?: boolean;
  /** Start two, on one database. */
  readonly replicas?: boolean;
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Annals as in production, or the naive service by connect-node. */
export async function startContestant(
  postgres: BenchPostgres,
  { naive = false, replicas = false, nodeOptions = [], env = {} }: ContestantOptions,
): Promise<Contestant> {
  await using cleanup = new AsyncDisposableStack();
  const database = cleanup.use(await postgres.createDatabase());
  // One credential for all subscribers.
  const settings = { STREAMS_PER_PRINCIPAL: "10000", ...env };
  const start = () =>
    naive ? startNaive(database.url) : startServer(database.url, settings, nodeOptions);
  const server = cleanup.use(await start());
  const second = replicas ? cleanup.use(await start()) : undefined;
  const owned = cleanup.move();
  return {
    url: server.url,
    secondUrl: second?.url,
    pid: server.pid,
    token: await adminToken(),
    team: randomUUID(),
    inOrder: !naive,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
