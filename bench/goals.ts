/** What is to be reached, in the order in which it is printed; claims and curves name their row. */
export const goals = {
  "unary-record":
    "unary `Record` a second, 128 in flight, each of Connect and gRPC: ≥ 5 × (a), ≥ 1.0 × (c)",
  "record-batch": "`RecordBatch` of 100, entries a second: ≥ 0.5 × (c) batched, ≥ 10,000",
  "record-tail": "unary `Record` p99 at 20% of its peak: ≤ 2 × pgbench's at the same rate",
  "commit-to-subscriber":
    "commit → subscriber, 100 subscribers, 500 entries/s: p50 ≤ 3 ms, p99 ≤ 20 ms, ≥ 5 × better " +
    "than (a) at p99; across replicas p99 ≤ 100 ms",
  "fan-out": "fan-out, entries delivered a second a core, 200 subscribers: ≥ 200,000, ≥ 8 × (a)",
  "idle-subscribers": "2,000 idle subscribers: ≤ 50 kB of heap each, ≤ 2% of a core",
  "stalled-subscriber":
    "one stalled subscriber among 100: others' p99 unchanged; memory flat for 10 minutes",
  "list-first-page":
    "`List` first page, 10 M entries against 10 k: p99 ≤ 1.5 ×; the 10,000th page costs what the " +
    "first costs",
  "list-filters":
    "`List` with each filter, rare match at 10 M entries: p99 ≤ 20 ms, or the documented scan limit",
  "append-cost": "append cost at 10 M entries against empty: ≤ 1.3 ×",
  "batch-cpu": "server CPU an entry through `RecordBatch`: ≤ 40 µs, tree included",
  growth: "each of the above as a curve over size or load",
} as const;

/** A row of the table of goals. */
export type GoalId = keyof typeof goals;
