import { expect, test } from "vitest";
import { type Alarm, AlarmBook } from "../../src/dashboard/proof/alarms.ts";
import { openPageStorage } from "../../src/dashboard/proof/page-storage.ts";

const team = "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11";
const alarm = (kind: Alarm["kind"], message: string = kind): Alarm => ({
  ...{ teamId: team, kind, message, atMs: 1 },
  notes: ["one", "two"],
});

function newStorage() {
  return openPageStorage(() => {
    throw new Error("no local storage here");
  });
}

test("an alarm stands in every page, and after a reload, until somebody dismisses it", () => {
  const storage = newStorage();
  const book = new AlarmBook(storage);
  expect(book.get(team)).toBeUndefined();
  book.raise(alarm("history"));
  expect(new AlarmBook(storage).get(team)).toEqual(alarm("history"));
  book.dismiss(team);
  expect(book.get(team)).toBeUndefined();
  expect(new AlarmBook(storage).get(team)).toBeUndefined();
});

test("the first alarm stays, but a graver one takes the place of one about the key", () => {
  const book = new AlarmBook(newStorage());
  book.raise(alarm("key"));
  book.raise(alarm("history", "first"));
  book.raise(alarm("history", "second"));
  book.raise(alarm("key"));
  expect(book.get(team)).toEqual(alarm("history", "first"));
});

test("who shows alarms is told of each change, and given the same object in between", () => {
  const book = new AlarmBook(newStorage());
  let calls = 0;
  const leave = book.subscribe(() => {
    calls += 1;
  });
  book.raise(alarm("server"));
  expect(book.get(team)).toBe(book.get(team));
  book.dismiss(team);
  expect(calls).toBe(2);
  leave();
  book.raise(alarm("server"));
  expect(calls).toBe(2);
});

test("what is damaged in storage is no alarm", () => {
  for (const damaged of ["{", "null", "7", '{"teamId": "another", "notes": []}', "{}"]) {
    const storage = newStorage();
    storage.setItem(`annals/alarm/${team}`, damaged);
    expect(new AlarmBook(storage).get(team)).toBeUndefined();
  }
});
