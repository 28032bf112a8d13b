/** A process that records what it is told to; see recorder-process.ts. */
import { createRecorder } from "../../src/client/recorder/create-recorder.ts";
import type { Recorder } from "../../src/client/recorder/recorder.ts";
import { moveClock } from "./moved-clock.ts";
import type { Command, Ending, RecorderProcessOptions, Report } from "./recorder-process.ts";
import { RecorderTraffic } from "./recorder-traffic.ts";

const names = [
  "refused",
  "dropped",
  "unreachable",
  "reachable",
  "spill_failed",
  "amended",
] as const;

process.once("message", (options: RecorderProcessOptions) => {
  if (options.uid !== undefined) {
    process.setgroups?.([options.uid]);
    process.setgid?.(options.uid);
    process.setuid?.(options.uid);
  }
  const recorder = createRecorder(options.recorder);
  const traffic = new RecorderTraffic(recorder, options.traffic);
  const events: Record<string, number> = {};
  for (const name of names) {
    recorder.on(name, () => {
      events[name] = (events[name] ?? 0) + 1;
    });
  }
  const end = ({ entries, by }: Ending) => {
    // The channel alone would keep the process.
    process.disconnect?.();
    traffic.burst(entries);
    endBy(by, recorder);
  };
  process.on("message", (message: Command | Ending) => {
    if ("by" in message) return end(message);
    void run(message, recorder, traffic).then((answer) => {
      const { taken, thrown } = traffic;
      const report: Report = {
        taken,
        stats: recorder.stats,
        thrown: thrown.map(String),
        events,
        answer,
      };
      process.send?.(report);
    });
  });
  if (options.atOnce) return end(options.atOnce);
  process.send?.("ready");
});

async function run(
  command: Command,
  recorder: Recorder,
  traffic: RecorderTraffic,
): Promise<boolean> {
  switch (command.do) {
    case "record":
      await traffic.record(command.entries);
      return true;
    case "burst":
      traffic.burst(command.entries);
      return true;
    case "start":
      traffic.start();
      return true;
    case "stop":
      await traffic.stop();
      return true;
    case "flush":
      return recorder.flush({ timeoutMs: command.timeoutMs });
    case "close":
      await recorder.close({ timeoutMs: command.timeoutMs });
      return true;
    case "report":
      return true;
    case "clock":
      moveClock(command.offsetMs);
      return true;
  }
}

function endBy(by: Ending["by"], recorder: Recorder): void {
  switch (by) {
    case "exit":
      process.exit(3);
      break;
    case "throw":
      throw new Error("nobody catches this");
    case "reject":
      void Promise.reject(new Error("nobody handles this"));
      return;
    case "return":
      return;
    case "exit amid close": {
      void recorder.close({ timeoutMs: 1 });
      const exit = () => {
        if (recorder.stats.waiting.entries === 0) process.exit(3);
        setImmediate(exit);
      };
      exit();
    }
  }
}
