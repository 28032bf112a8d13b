import { expect, test } from "vitest";
import { CallEnd, type CallSignal } from "../src/call-signal.ts";

/** Node's own, and ours, which recording must not be able to tell from it. */
const kinds = [
  ["AbortController", () => abortController()],
  ["CallEnd", () => callEnd()],
] satisfies [string, () => Ending][];

interface Ending {
  readonly signal: CallSignal;
  abort(reason: Error): void;
}

function abortController(): Ending {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) };
}

function callEnd(): Ending {
  const signal = new CallEnd();
  return { signal, abort: (reason) => signal.abort(reason) };
}

test.each(kinds)("%s tells its listeners once, in their order, and why", (_, make) => {
  const { signal, abort } = make();
  const told: string[] = [];
  const first = () => told.push(`first: ${(signal.reason as Error).message}`);
  signal.addEventListener("abort", first);
  signal.addEventListener("abort", () => told.push(`second: ${signal.aborted}`));
  signal.addEventListener("abort", first);
  expect(signal.aborted).toBe(false);
  expect(signal.reason).toBeUndefined();
  signal.throwIfAborted();

  abort(new Error("gone"));
  abort(new Error("again"));
  expect(told).toEqual(["first: gone", "second: true"]);
  expect(signal.reason).toEqual(new Error("gone"));
  expect(() => signal.throwIfAborted()).toThrow("gone");
  signal.addEventListener("abort", () => told.push("late"));
  expect(told).toHaveLength(2);
});

test.each(kinds)("%s does not tell those that listen no more", (_, make) => {
  const { signal, abort } = make();
  const told: string[] = [];
  const third = () => told.push("third");
  const never = () => told.push("never");
  signal.addEventListener("abort", never);
  signal.addEventListener("abort", () => {
    told.push("second");
    signal.removeEventListener("abort", third);
    signal.addEventListener("abort", () => told.push("added"));
  });
  signal.addEventListener("abort", third);
  signal.removeEventListener("abort", never);
  signal.removeEventListener("abort", () => told.push("unknown"));
  abort(new Error("gone"));
  expect(told).toEqual(["second"]);
});
