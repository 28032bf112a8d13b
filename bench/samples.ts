/** Ways of measuring that stand a busy machine: medians of rounds that take turns. */

/** Measured values, ascending. */
export type Samples = readonly number[];

/** What was measured in turns: a value a round, in their order. */
export type Rounds = readonly number[];

/** The value that a share of the samples, from 0 to 1, does not exceed. */
export function percentile(samples: ArrayLike<number>, share: number): number {
  const value = samples[Math.max(0, Math.ceil(share * samples.length) - 1)];
  if (value === undefined) throw new RangeError("there are no samples");
  return value;
}

/** The middle one, whatever their order; of an even number the mean of the two in the middle. */
export function median(samples: ArrayLike<number>): number {
  const sorted = Float64Array.from(samples).sort();
  return (percentile(sorted, 0.5) + (sorted[Math.floor(sorted.length / 2)] as number)) / 2;
}

/** The median of the ratios of two, round by round: what befell one befell the other. */
export function medianRatio(ones: Rounds, others: Rounds): number {
  return median(ones.map((one, i) => one / (others[i] as number)));
}

/** CPU time of this process, all its threads, while `work` runs: microseconds. */
export async function cpuMicros(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Wall-clock time of `work`: milliseconds. */
export async function elapsedMillis(work: () => Promise<unknown> | unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Measures several things in turns, `rounds` times each after one round that warms up, so that
 * what else the machine does befalls all of them alike.
 */
export async function inTurns<Name extends string, Value = number>(
  rounds: number,
  measures: Readonly<Record<Name, () => Promise<Value> | Value>>,
): Promise<Record<Name, readonly Value[]>> {
  const names = Object.keys(measures) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    Value[]
  >;
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const value = await measures[name]();
      if (round > 0) samples[name].push(value);
    }
  }
  return samples;
}

/** Times calls one after another, after a tenth as many that warm up: milliseconds each. */
export async function latencies(count: number, call: () => Promise<unknown>): Promise<Samples> {
  for (let i = 0; i < count / 10; i++) await call();
  const samples: number[] = [];
  for (let i = 0; i < count; i++) samples.push(await elapsedMillis(call));
  return samples.sort((a, b) => a - b);
}

/** Makes `count` calls, `concurrency` of them at any time. Answers how many a second. */
export async function concurrently(
  concurrency: number,
  count: number,
  call: () => Promise<unknown>,
): Promise<number> {
  let left = count;
  const caller = async () => {
    while (left-- > 0) await call();
  };
  const millis = await elapsedMillis(() =>
    Promise.all(Array.from({ length: concurrency }, caller)),
  );
  return (count / millis) * 1_000;
}
