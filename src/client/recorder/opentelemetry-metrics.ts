/** A recorder's counts for OpenTelemetry. */
import { recorderMetrics } from "./metrics.ts";
import type { Recorder } from "./recorder.ts";

/** What is used of a `Meter` of `@opentelemetry/api`. */
export interface Meter<Instrument> {
  createObservableCounter(name: string, options: MeterOptions): Instrument;
  createObservableGauge(name: string, options: MeterOptions): Instrument;
  addBatchObservableCallback(
    callback: (result: BatchResult<Instrument>) => void,
    instruments: Instrument[],
  ): void;
}

/** What an instrument measures, and in what unit (UCUM). */
export interface MeterOptions {
  description: string;
  unit: string;
}

/** Where a callback puts what it has read. */
export interface BatchResult<Instrument> {
  observe(instrument: Instrument, value: number, attributes?: Record<string, string>): void;
}

/**
 * Has the meter read the recorder's counts whenever it collects:
 * `openTelemetryMetrics(recorder, metrics.getMeter("annals"))`. Names begin with `annals.recorder.`; the reason
 * of entries refused and dropped is the attribute `reason`.
 */
export function openTelemetryMetrics<Instrument>(
  recorder: Pick<Recorder, "stats">,
  meter: Meter<Instrument>,
): void {
  const instruments = recorderMetrics.map((metric) => {
    const name = `annals.recorder.${metric.name.replaceAll("_", ".")}`;
    const options = { description: metric.help, unit: metric.unit };
    return metric.kind === "counter"
      ? meter.createObservableCounter(name, options)
      : meter.createObservableGauge(name, options);
  });
  meter.addBatchObservableCallback((result) => {
    const { stats } = recorder;
    for (const [index, { label, read }] of recorderMetrics.entries()) {
      const instrument = instruments[index] as Instrument;
      for (const [value, count] of Object.entries(read(stats))) {
        result.observe(instrument, count, label === undefined ? {} : { [label]: value });
      }
    }
  }, instruments);
}
