import { expect, test } from "vitest";
import { type TakeOptions, Turns } from "../../src/store/turns.ts";

/** Turns, two at a time, and who has begun one, as `team/member`. */
function twoAtATime(limits: { waitingOfTeam?: number; waitingOfMember?: number } = {}) {
  const turns = new Turns({
    running: 2,
    waiting: 9,
    ...limits,
    refusal: () => new Error("too many"),
  });
  const begun: string[] = [];
  const take = async (name: string, options?: TakeOptions) => {
    const [team = "", member = ""] = name.split("/");
    const turn = await turns.take({ team, member }, options);
    begun.push(name);
    return turn;
  };
  return { begun, take };
}

async function end(turn: Promise<Disposable> | undefined): Promise<void> {
  (await turn)?.[Symbol.dispose]();
  // Whoever comes next has begun.
  await new Promise((resolve) => setImmediate(resolve));
}

test("next is a team with the fewest turns, and of it a member with the fewest", async () => {
  const { begun, take } = twoAtATime();
  const names = ["many/a", "many/a", "many/a", "many/a", "many/b", "one/c", "other/d"];
  const turns = names.map((name) => take(name));
  for (const nth of [0, 1, 5, 6, 4, 2, 3]) await end(turns[nth]);
  expect(begun).toEqual(["many/a", "many/a", "one/c", "many/a", "other/d", "many/b", "many/a"]);
});

test("neither a team nor one of its members can fill the line", async () => {
  const { take } = twoAtATime({ waitingOfTeam: 3, waitingOfMember: 2 });
  const turns = ["t/a", "t/a", "t/a", "t/a"].map((name) => take(name));
  await expect(take("t/a")).rejects.toThrow("too many");
  turns.push(take("t/b"));
  await expect(take("t/c")).rejects.toThrow("too many");
  turns.push(take("u/a"));
  for (const turn of turns.slice(0, 2)) await end(turn);
  for (const nth of [5, 4, 2, 3]) await end(turns[nth]);
});

test("who is patient is never refused, and takes no room from others", async () => {
  const { begun, take } = twoAtATime({ waitingOfTeam: 1 });
  const turns = ["t/a", "t/a"].map((name) => take(name));
  const patient = Array.from({ length: 20 }, () => take("t/p", { patient: true }));
  const last = take("t/a");
  await expect(take("t/a")).rejects.toThrow("too many");
  for (const turn of [...turns, ...patient, last]) await end(turn);
  expect(begun.length).toBe(23);
});

test("who does not wait any longer leaves the line", async () => {
  const { begun, take } = twoAtATime({ waitingOfMember: 1 });
  const turns = ["t/a", "t/a"].map((name) => take(name));
  const controller = new AbortController();
  const leaving = take("t/b", { signal: controller.signal });
  const next = take("t/c");
  controller.abort(new Error("gone"));
  await expect(leaving).rejects.toThrow("gone");
  await end(turns[0]);
  expect(begun).toEqual(["t/a", "t/a", "t/c"]);
  await end(next);
});
