/** What of a recorder's stats is measured, for whichever system of metrics. */
import type { RecorderStats } from "./stats.ts";

/** One metric. */
export interface RecorderMetric {
  /** In snake case, without prefix or `_total`. */
  readonly name: string;
  readonly help: string;
  readonly kind: "counter" | "gauge";
  /** UCUM: `{entry}`, `By`. */
  readonly unit: string;
  /** What the values are told apart by, if there may be several. */
  readonly label?: string;
  /** The values by label; by an empty text if there is no label. */
  readonly read: (stats: RecorderStats) => Readonly<Record<string, number>>;
}

/** All of them. */
export const recorderMetrics: readonly RecorderMetric[] = [
  {
    name: "entries_taken",
    help: "Entries taken by the recorder, those left on disk by earlier processes included.",
    kind: "counter",
    unit: "{entry}",
    read: ({ taken }) => ({ "": taken }),
  },
  {
    name: "entries_recorded",
    help: "Entries that the server has acknowledged.",
    kind: "counter",
    unit: "{entry}",
    read: ({ recorded }) => ({ "": recorded }),
  },
  {
    name: "entries_refused",
    help: "Entries refused as invalid or not allowed, by reason.",
    kind: "counter",
    unit: "{entry}",
    label: "reason",
    read: ({ refused }) => refused,
  },
  {
    name: "entries_dropped",
    help: "Entries lost, by reason.",
    kind: "counter",
    unit: "{entry}",
    label: "reason",
    read: ({ dropped }) => dropped,
  },
  {
    name: "entries_spilled",
    help: "Entries written to disk.",
    kind: "counter",
    unit: "{entry}",
    read: ({ spilled }) => ({ "": spilled }),
  },
  {
    name: "retries",
    help: "Calls that failed and were tried again.",
    kind: "counter",
    unit: "{call}",
    read: ({ retries }) => ({ "": retries }),
  },
  {
    name: "memory_entries",
    help: "Entries waiting in memory.",
    kind: "gauge",
    unit: "{entry}",
    read: ({ waiting }) => ({ "": waiting.entries }),
  },
  {
    name: "memory_bytes",
    help: "Encoded bytes of the entries waiting in memory.",
    kind: "gauge",
    unit: "By",
    read: ({ waiting }) => ({ "": waiting.bytes }),
  },
  {
    name: "disk_entries",
    help: "Entries waiting on disk.",
    kind: "gauge",
    unit: "{entry}",
    read: ({ onDisk }) => ({ "": onDisk.entries }),
  },
  {
    name: "disk_bytes",
    help: "Bytes of the entries waiting on disk.",
    kind: "gauge",
    unit: "By",
    read: ({ onDisk }) => ({ "": onDisk.bytes }),
  },
];
