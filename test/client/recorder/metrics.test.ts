import { AggregationTemporality, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import * as promClient from "prom-client";
import { expect, test } from "vitest";
import { openTelemetryMetrics } from "../../../src/client/recorder/opentelemetry-metrics.ts";
import { prometheusMetrics } from "../../../src/client/recorder/prometheus-metrics.ts";
import type { RecorderStats } from "../../../src/client/recorder/stats.ts";

const stats: RecorderStats = {
  taken: 100,
  recorded: 60,
  refused: { INVALID_FIELD: 3, UNENCODABLE: 1 },
  dropped: { overflow: 5, exit: 0, closed: 2, damaged: 0 },
  spilled: 12,
  retries: 4,
  waiting: { entries: 20, bytes: 4_000 },
  onDisk: { entries: 9, bytes: 1_800 },
};

const later: RecorderStats = {
  ...stats,
  recorded: 80,
  refused: { INVALID_FIELD: 7, UNENCODABLE: 1 },
  waiting: { entries: 0, bytes: 0 },
};

const prometheusText = `
annals_recorder_entries_taken_total 100
annals_recorder_entries_recorded_total 60
annals_recorder_entries_refused_total{reason="INVALID_FIELD"} 3
annals_recorder_entries_refused_total{reason="UNENCODABLE"} 1
annals_recorder_entries_dropped_total{reason="overflow"} 5
annals_recorder_entries_dropped_total{reason="exit"} 0
annals_recorder_entries_dropped_total{reason="closed"} 2
annals_recorder_entries_dropped_total{reason="damaged"} 0
annals_recorder_entries_spilled_total 12
annals_recorder_retries_total 4
annals_recorder_memory_entries 20
annals_recorder_memory_bytes 4000
annals_recorder_disk_entries 9
annals_recorder_disk_bytes 1800`;

const samples = (text: string) => text.split("\n").filter((line) => /^\w/.test(line));

test("prom-client shows the recorder's counts as they are when it is scraped", async () => {
  const registry = new promClient.Registry();
  const recorder = { stats };
  prometheusMetrics(recorder, promClient, { registers: [registry] });
  expect(samples(await registry.metrics())).toEqual(samples(prometheusText));
  // A second scrape counts nothing twice.
  expect(samples(await registry.metrics())).toEqual(samples(prometheusText));
  recorder.stats = later;
  const text = await registry.metrics();
  expect(text).toContain("annals_recorder_entries_recorded_total 80");
  expect(text).toContain('annals_recorder_entries_refused_total{reason="INVALID_FIELD"} 7');
  expect(text).toContain("annals_recorder_memory_entries 0");
  expect(text).toContain("# TYPE annals_recorder_entries_recorded_total counter");
  expect(text).toContain("# TYPE annals_recorder_memory_entries gauge");
});

test("prom-client's global registry is the default, and a second recorder has a prefix of its own", async () => {
  prometheusMetrics({ stats }, promClient);
  expect(() => prometheusMetrics({ stats }, promClient)).toThrow(/already been registered/);
  prometheusMetrics({ stats: later }, promClient, { prefix: "other_" });
  const text = await promClient.register.metrics();
  expect(text).toContain("annals_recorder_entries_recorded_total 60");
  expect(text).toContain("other_entries_recorded_total 80");
  promClient.register.clear();
});

class TestReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
  override selectAggregationTemporality(): AggregationTemporality {
    return AggregationTemporality.CUMULATIVE;
  }
}

test("OpenTelemetry collects the recorder's counts", async () => {
  const reader = new TestReader();
  const provider = new MeterProvider({ readers: [reader] });
  const recorder = { stats };
  openTelemetryMetrics(recorder, provider.getMeter("test"));
  const collect = async () => {
    const { resourceMetrics, errors } = await reader.collect();
    expect(errors).toEqual([]);
    return resourceMetrics.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .flatMap(({ descriptor: { name, unit }, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => [name, unit, attributes.reason, value].join(" ")),
      );
  };
  expect(await collect()).toEqual([
    "annals.recorder.entries.taken {entry}  100",
    "annals.recorder.entries.recorded {entry}  60",
    "annals.recorder.entries.refused {entry} INVALID_FIELD 3",
    "annals.recorder.entries.refused {entry} UNENCODABLE 1",
    "annals.recorder.entries.dropped {entry} overflow 5",
    "annals.recorder.entries.dropped {entry} exit 0",
    "annals.recorder.entries.dropped {entry} closed 2",
    "annals.recorder.entries.dropped {entry} damaged 0",
    "annals.recorder.entries.spilled {entry}  12",
    "annals.recorder.retries {call}  4",
    "annals.recorder.memory.entries {entry}  20",
    "annals.recorder.memory.bytes By  4000",
    "annals.recorder.disk.entries {entry}  9",
    "annals.recorder.disk.bytes By  1800",
  ]);
  recorder.stats = later;
  expect(await collect()).toContain("annals.recorder.entries.recorded {entry}  80");
  await provider.shutdown();
});
