import type { Batch } from "./queue.ts";

/** A batch without the calls behind one that was put off: they end as it did. */
export function withoutPutOff(batch: Batch): Batch {
  const rest: Batch[number][] = [];
  for (const { lane, calls } of batch) {
    const wanted = calls.filter((call) => {
      const refusal = call.order?.refusal(lane.teamId);
      if (refusal !== undefined) call.settle(refusal);
      return refusal === undefined;
    });
    if (wanted.length > 0) rest.push({ lane, calls: wanted });
  }
  return rest;
}

/** A batch in two, each call's place kept. */
export function halves(batch: Batch): [Batch, Batch] {
  let left = Math.ceil(batch.reduce((sum, { calls }) => sum + calls.length, 0) / 2);
  const first: Batch[number][] = [];
  const second: Batch[number][] = [];
  for (const { lane, calls } of batch) {
    const taken = calls.slice(0, left);
    left -= taken.length;
    if (taken.length > 0) first.push({ lane, calls: taken });
    if (taken.length < calls.length) second.push({ lane, calls: calls.slice(taken.length) });
  }
  return [first, second];
}
