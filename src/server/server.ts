import { randomUUIDv7 } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Config, JwtConfig } from "../config.ts";
import { Hints } from "../feed/hints.ts";
import { Hub } from "../feed/hub.ts";
import type { EntryId } from "../ids.ts";
import { Acts } from "../ingest/acts.ts";
import { GroupCommit } from "../ingest/group-commit.ts";
import { actLimits, ingestLimits, shutdownMs, streamLimits } from "../limits.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import { everything } from "../log/filter.ts";
import { createJwtVerifier } from "../rpc/jwt.ts";
import { apiServices } from "../rpc/routes.ts";
import { openSearchTurns } from "../rpc/search-turns.ts";
import type { Services } from "../rpc/services.ts";
import { StreamCounter } from "../rpc/stream-counter.ts";
import { openSummaryTurns } from "../rpc/summary-turns.ts";
import { type AppendOptions, append } from "../store/append.ts";
import { readWindow } from "../store/entries.ts";
import { readSizes } from "../store/heads.ts";
import { KnownLogs } from "../store/known-logs.ts";
import { openPools } from "../store/pool.ts";
import { createNotary, openCheckpoints } from "./checkpoints.ts";
import { openDatabase } from "./database.ts";
import { developmentCredentials } from "./development.ts";
import { createHealth } from "./health.ts";
import { createMetrics } from "./metrics.ts";
import { openPort } from "./open-port.ts";
import type { ServerOverrides } from "./overrides.ts";
import { watchDatabase } from "./watch-database.ts";

/** A server that is up. */
export interface RunningServer {
  /** Where it listens. */
  readonly url: string;
  /** Resolves when it has closed, or rejects with what made it close. */
  readonly closed: Promise<void>;
  /** Not ready, no new calls, streams told, queue flushed, all closed; within 10 s. */
  close(): Promise<void>;
}

/** Starts a server: opens its database, wires its parts, listens. */
export async function startServer(
  config: Config,
  logger: Logger,
  overrides: ServerOverrides = {},
): Promise<RunningServer> {
  await using cleanup = new AsyncDisposableStack();
  const opened = await openDatabase(config.database);
  cleanup.defer(() => opened.close());
  const verifyJwt = createJwtVerifier(await jwtConfig(config), config.prefixes);

  const checkpoints = await openCheckpoints(config);
  cleanup.defer(() => checkpoints?.store.close());

  const metrics = createMetrics();
  const health = createHealth(apiServices.map((service) => service.typeName));
  const doubt = () => {
    hub.doubt();
    notary?.doubt();
  };
  const pools = openPools(
    opened.database,
    ingestLimits.transactions + actLimits.running,
    (error) => {
      logger.warn({ err: error }, "an idle database session was lost");
      doubt();
    },
  );
  cleanup.defer(() => pools.close());
  const db = pools.read;

  const hub = new Hub({
    readSizes: (teams) => readSizes(db, teams),
    readWindow: (teamId, window) =>
      readWindow(db, teamId, window, everything, "oldest_first", streamLimits.ringEntries),
    logger,
    onLag: (seconds, source) => metrics.feedLagSeconds.observe({ source }, seconds),
    onRollback: () => {
      metrics.logRollbacks.inc();
      notary?.doubt();
    },
    ...(overrides.pollMs === undefined ? {} : { pollMs: overrides.pollMs }),
  });
  cleanup.defer(() => hub.close());
  const hints =
    config.hints && !opened.database.singleSession
      ? new Hints({
          connection: opened.database.connection,
          db,
          logger,
          onHint: (teams) => void hub.look(teams),
          onConnected: doubt,
        })
      : undefined;
  cleanup.defer(() => hints?.close());
  const notary = createNotary(checkpoints, {
    db,
    logger,
    metrics,
    health,
    intervalMs: config.checkpoints.intervalMs,
    ...(overrides.recheckMs === undefined ? {} : { recheckMs: overrides.recheckMs }),
  });
  cleanup.defer(() => notary?.close(shutdownMs / 20));
  const onAppended = (entries: readonly Entry[]) => {
    hub.publish(entries);
    hints?.announce(entries);
    notary?.appended(entries);
  };
  // A distributed database would have to send the statement that compares to several nodes.
  const known = config.oneTeamPerTransaction
    ? undefined
    : new KnownLogs({}, (right) => metrics.appendGuesses.inc({ right: String(right) }));
  const appendGuarded = (entries: readonly NewEntry[], options?: AppendOptions) =>
    append(pools.write, entries, {
      ...options,
      ...(known && { known }),
      ...(notary && {
        guard: (teamId, size) => notary.judge(teamId, size),
        accepts: (teamId, size) => notary.accepts(teamId, size),
      }),
    });

  const groupCommit = new GroupCommit({
    append: appendGuarded,
    refusal: (teamId) => notary?.refusal(teamId),
    onAppended,
    logger,
    oneTeamPerTransaction: config.oneTeamPerTransaction,
    metrics: {
      queued: (entries, bytes) => {
        metrics.queueEntries.set(entries);
        metrics.queueBytes.set(bytes);
      },
      committed: (entries, seconds) => {
        metrics.batchEntries.observe(entries);
        metrics.appendSeconds.observe(seconds);
      },
      retried: () => metrics.appendRetries.inc(),
    },
  });
  cleanup.defer(() => groupCommit.close(shutdownMs / 5));

  const acts = new Acts({ append: appendGuarded, onAppended });

  const shutdown = new AbortController();
  const services: Services = {
    db,
    hub,
    logger,
    prefixes: config.prefixes,
    record: (entry, signal) => groupCommit.record(entry, signal),
    recordInOrder: (signal) => groupCommit.inOrder(signal),
    act: (entry, act, signal) => acts.run(entry, act, signal),
    makeId: () => randomUUIDv7() as EntryId,
    ...(notary && { notary }),
    streams: new StreamCounter(config.streamsPerPrincipal),
    summaryTurns: openSummaryTurns(),
    searchTurns: openSearchTurns(),
    streamMaxAgeMs: config.streamMaxAgeMs,
    heartbeatMs: overrides.heartbeatMs ?? streamLimits.heartbeatMs,
    credentialCheckMs: overrides.credentialCheckMs ?? streamLimits.credentialCheckMs,
    shutdown: shutdown.signal,
  };

  cleanup.use(watchDatabase(() => db.query({ text: "SELECT 1" }), health, logger));
  // What contradicts a signed checkpoint is refused from the first call on.
  await notary?.start();
  const listener = await openPort(config, { services, verifyJwt, health, metrics, overrides });
  cleanup.defer(async () => {
    health.set("server", false, "shutting down");
    shutdown.abort(new ConnectError("the server is shutting down", Code.Unavailable));
    await listener.close(shutdownMs / 2);
  });
  logger.info({ url: listener.url }, "listening");

  // From here on close() is what cleans up: what was opened last is closed first.
  const owned = cleanup.move();
  const closed = Promise.withResolvers<void>();
  closed.promise.catch(() => undefined);
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      const late = setTimeout(() => opened.breakSessions(), shutdownMs * 0.8);
      try {
        await owned.disposeAsync();
        closed.resolve();
      } catch (error) {
        closed.reject(error);
        throw error;
      } finally {
        clearTimeout(late);
        // A session that a silent database has not closed would keep the process.
        opened.breakSessions();
      }
    })();
    return closing;
  };
  void opened.failed.then((error) => {
    logger.fatal({ err: error }, "the embedded database failed");
    closed.reject(error);
    close().catch((problem: unknown) => logger.error({ err: problem }, "closing failed"));
  });
  return { url: listener.url, closed: closed.promise, close };
}

/** The configured check of JWTs, or that of the development secret in the data directory. */
async function jwtConfig(config: Config): Promise<JwtConfig> {
  if (config.jwt !== undefined) return config.jwt;
  if ("url" in config.database) throw new Error("a PostgreSQL server needs AUTH_* settings");
  const { secret } = await developmentCredentials(config.database.dataDir);
  return { ...config.jwtDefaults, secret };
}
