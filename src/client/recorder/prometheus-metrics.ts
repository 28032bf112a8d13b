/** A recorder's counts for prom-client. */
import { type RecorderMetric, recorderMetrics } from "./metrics.ts";
import type { Recorder } from "./recorder.ts";

/** What is used of the module `prom-client`. */
export interface PromClient<Registry> {
  readonly Counter: new (configuration: PromConfiguration<Registry, PromCounter>) => PromCounter;
  readonly Gauge: new (configuration: PromConfiguration<Registry, PromGauge>) => PromGauge;
}

/** How a metric of prom-client is made. */
export interface PromConfiguration<Registry, Metric> {
  name: string;
  help: string;
  labelNames: string[];
  registers?: Registry[];
  collect(this: Metric): void;
}

/** What is used of a counter of prom-client. */
export interface PromCounter {
  reset(): void;
  inc(labels: Record<string, string>, value: number): void;
}

/** What is used of a gauge of prom-client. */
export interface PromGauge {
  reset(): void;
  set(labels: Record<string, string>, value: number): void;
}

/** How the metrics are registered. */
export interface PrometheusMetricsOptions<Registry> {
  /** Where; prom-client's global registry unless given. */
  readonly registers?: readonly Registry[];
  /** What every name begins with; `annals_recorder_` unless given. A process's second recorder needs another. */
  readonly prefix?: string;
}

/**
 * Registers the recorder's metrics with the `prom-client` that is given:
 * `prometheusMetrics(recorder, promClient)`. They are read when they are scraped; recording costs nothing.
 *
 * @throws Error of prom-client if the names are taken.
 */
export function prometheusMetrics<Registry>(
  recorder: Pick<Recorder, "stats">,
  promClient: PromClient<Registry>,
  options: PrometheusMetricsOptions<Registry> = {},
): void {
  const { prefix = "annals_recorder_", registers } = options;
  for (const metric of recorderMetrics) {
    const configuration = {
      name: `${prefix}${metric.name}${metric.kind === "counter" ? "_total" : ""}`,
      help: metric.help,
      labelNames: metric.label === undefined ? [] : [metric.label],
      ...(registers && { registers: [...registers] }),
    };
    const values = () => labelled(metric, recorder);
    if (metric.kind === "counter") {
      new promClient.Counter({
        ...configuration,
        collect() {
          // The recorder counts; a counter of prom-client can only be counted up.
          this.reset();
          for (const [labels, value] of values()) this.inc(labels, value);
        },
      });
    } else {
      new promClient.Gauge({
        ...configuration,
        collect() {
          for (const [labels, value] of values()) this.set(labels, value);
        },
      });
    }
  }
}

function labelled(
  { label, read }: RecorderMetric,
  recorder: Pick<Recorder, "stats">,
): [Record<string, string>, number][] {
  return Object.entries(read(recorder.stats)).map(([value, count]) => [
    label === undefined ? {} : { [label]: value },
    count,
  ]);
}
