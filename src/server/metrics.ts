import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What is counted, on a registry of its own. Times are seconds, as Prometheus has them. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Makes the metrics of one server: Annals' own, prefixed `annals_`, and the process's. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    calls: new Counter({
      name: "annals_calls_total",
      help: "RPCs that have ended, by method and Connect code (ok, invalid_argument, ...).",
      labelNames: ["method", "code"] as const,
      registers,
    }),
    fastCalls: new Counter({
      name: "annals_fast_lane_calls_total",
      help: "Calls of Record and RecordBatch that the fast lane has answered; they are among the others.",
      registers,
    }),
    callSeconds: new Histogram({
      name: "annals_call_duration_seconds",
      help: "From the start of an RPC to its end; for a stream, as long as it was open.",
      labelNames: ["method"] as const,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 300, 3600],
      registers,
    }),
    openStreams: new Gauge({
      name: "annals_open_streams",
      help: "Streaming RPCs that are open now.",
      registers,
    }),
    queueEntries: new Gauge({
      name: "annals_ingest_queue_entries",
      help: "Entries that wait to be committed, those in a transaction included.",
      registers,
    }),
    queueBytes: new Gauge({
      name: "annals_ingest_queue_bytes",
      help: "Encoded size of the entries that wait to be committed.",
      registers,
    }),
    batchEntries: new Histogram({
      name: "annals_append_batch_entries",
      help: "Entries in one append transaction.",
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 350, 500],
      registers,
    }),
    appendSeconds: new Histogram({
      name: "annals_append_duration_seconds",
      help: "Append transactions, from their first statement to the database's word that they are committed.",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    appendRetries: new Counter({
      name: "annals_append_retries_total",
      help: "Append transactions tried again after a deadlock, a lost connection or the like.",
      registers,
    }),
    appendGuesses: new Counter({
      name: "annals_append_guesses_total",
      help: "Append transactions sent in one go to logs whose ends were known, by whether they were as expected; if not, the append is done over.",
      labelNames: ["right"] as const,
      registers,
    }),
    feedLagSeconds: new Histogram({
      name: "annals_feed_lag_seconds",
      help: "From an entry's record time until it is handed to this replica's subscribers, by how it became known: a local commit, another replica's hint, or polling.",
      labelNames: ["source"] as const,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 60],
      registers,
    }),
    logRollbacks: new Counter({
      name: "annals_log_rollbacks_total",
      help: "Times that a log was found shorter than it was: the database was restored to an older state, or tampered with. Never ignore.",
      registers,
    }),
    checkpointsSigned: new Counter({
      name: "annals_checkpoints_signed_total",
      help: "Heads that this replica has signed and put into the checkpoint store.",
      registers,
    }),
    checkpointSeconds: new Histogram({
      name: "annals_checkpoint_duration_seconds",
      help: "Signing a head: reading it, comparing it with the last one signed, and storing it.",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    checkpointFailures: new Counter({
      name: "annals_checkpoint_failures_total",
      help: "Times that logs could not be signed or compared, since the checkpoint store or the database did not work.",
      registers,
    }),
    checkpointConflicts: new Counter({
      name: "annals_checkpoint_conflicts_total",
      help: "Times that a log was found to contradict what was signed for it: the database was rolled back or tampered with. Never ignore.",
      registers,
    }),
    refusedLogs: new Gauge({
      name: "annals_refused_logs",
      help: "Logs that contradict what was signed for them: nothing is recorded in them or signed for them.",
      registers,
    }),
    unsignedLogs: new Gauge({
      name: "annals_unsigned_logs",
      help: "Logs that have grown since they were signed, as far as this replica knows.",
      registers,
    }),
  };
}
