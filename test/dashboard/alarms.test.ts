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

test("an alarm of one page is seen, and dismissed, in another", () => {
  const storage = newStorage();
  const [one, other] = [new AlarmBook(storage), new AlarmBook(storage)];
  let calls = 0;
  other.subscribe(() => {
    calls += 1;
  });
  expect(other.get(team)).toBeUndefined();
  one.raise(alarm("history", "first"));
  // What a page raises that has not heard of it yet does not take its place.
  other.raise(alarm("history", "second"));
  other.noticeChange(`annals/alarm/${team}`);
  expect(other.get(team)).toEqual(alarm("history", "first"));
  one.dismiss(team);
  other.noticeChange(null);
  expect(other.get(team)).toBeUndefined();
  expect(calls).toBe(2);
});

test("what a full storage refuses is kept as long as the page, and known not to last", () => {
  const kept = new Map([["old", "1"]]);
  let isFull = true;
  const storage = openPageStorage(() => ({
    getItem: (key) => kept.get(key) ?? null,
    removeItem: (key) => kept.delete(key),
    setItem(key, value) {
      if (isFull) throw new DOMException("no room", "QuotaExceededError");
      kept.set(key, value);
    },
  }));
  expect([storage.getItem("old"), storage.isLasting]).toEqual(["1", true]);
  const book = new AlarmBook(storage);
  book.raise(alarm("history"));
  expect(new AlarmBook(storage).get(team)).toEqual(alarm("history"));
  expect([storage.isLasting, kept.size]).toEqual([false, 1]);
  isFull = false;
  storage.setItem(`annals/alarm/${team}`, "null");
  expect([storage.isLasting, kept.size]).toEqual([true, 2]);
});
