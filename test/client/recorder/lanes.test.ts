import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Lanes, type Pending } from "../../../src/client/recorder/lanes.ts";

const entry = (teamId: string, n: number, size = 10): Pending => ({
  id: `${teamId}/${n}`,
  teamId,
  data: "x".repeat(size),
  epoch: 1,
  failures: 0,
});
const ids = (entries: readonly Pending[]) => entries.map(({ id }) => id);

describe("lanes", () => {
  test("keep each team's order through any mixture of taking and putting back", () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("push" as const), team: fc.constantFrom("a", "b", "c") }),
        fc.record({ kind: fc.constant("take" as const), count: fc.integer({ min: 1, max: 6 }) }),
        fc.record({ kind: fc.constant("fail" as const), count: fc.integer({ min: 1, max: 6 }) }),
        fc.record({ kind: fc.constant("part" as const), count: fc.integer({ min: 1, max: 6 }) }),
      ),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const lanes = new Lanes();
        const pushed: Pending[] = [];
        const delivered: Pending[] = [];
        for (const step of all) {
          if (step.kind === "push") {
            const next = entry(step.team, pushed.length);
            pushed.push(next);
            lanes.push(next);
            continue;
          }
          const batch = lanes.take(step.count, 1_000, 0);
          // Of a batch that is refused in part, what comes back is of one team.
          const back = step.kind === "part" ? batch.filter(({ teamId }) => teamId === "a") : batch;
          if (step.kind !== "take") lanes.putBack(back);
          delivered.push(
            ...(step.kind === "take" ? batch : batch.filter((e) => !back.includes(e))),
          );
        }
        const rest = lanes.clear();
        expect(rest).toHaveLength(pushed.length - delivered.length);
        for (const team of ["a", "b", "c"]) {
          const of = (entries: readonly Pending[]) => ids(entries.filter((e) => e.teamId === team));
          expect([...of(delivered), ...of(rest)]).toEqual(of(pushed));
        }
        expect(lanes.clear()).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  test("take turns, so that a busy team does not keep another waiting", () => {
    const lanes = new Lanes();
    for (let n = 0; n < 10; n++) lanes.push(entry("busy", n));
    lanes.push(entry("quiet", 0));
    expect(ids(lanes.take(4, 1_000, 0))).toEqual(["busy/0", "busy/1", "busy/2", "busy/3"]);
    expect(ids(lanes.take(4, 1_000, 0))).toEqual(["quiet/0", "busy/4", "busy/5", "busy/6"]);
  });

  test("give one entry at least, however large, and otherwise no more bytes than asked for", () => {
    const lanes = new Lanes();
    for (const [n, size] of [500, 60, 60].entries()) lanes.push(entry("a", n, size));
    expect(ids(lanes.take(10, 100, 0))).toEqual(["a/0"]);
    expect(ids(lanes.take(10, 100, 0))).toEqual(["a/1"]);
    expect(ids(lanes.take(10, 100, 0))).toEqual(["a/2"]);
  });

  test("hold one team without the others, for longer each time, until it is released", () => {
    const lanes = new Lanes();
    const delays: number[] = [];
    const hold = (now: number) =>
      lanes.hold("a", now, (failures) => {
        delays.push(failures);
        return 100 * failures;
      });
    lanes.push(entry("a", 0));
    lanes.push(entry("b", 0));
    hold(0);
    expect(ids(lanes.take(10, 1_000, 50))).toEqual(["b/0"]);
    expect(lanes.readyAt).toBe(100);
    expect(ids(lanes.take(10, 1_000, 100))).toEqual(["a/0"]);
    lanes.push(entry("a", 1));
    hold(100);
    expect(lanes.readyAt).toBe(300);
    expect([lanes.heldOf("a"), lanes.heldOf("b")]).toEqual([1, 0]);
    lanes.release("a");
    expect(lanes.readyAt).toBe(0);
    hold(0);
    expect(delays).toEqual([1, 2, 1]);
  });
});
