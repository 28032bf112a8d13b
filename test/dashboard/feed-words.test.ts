import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { feedWords, rateText } from "../../src/dashboard/live/feed-words.ts";
import type { FeedState } from "../../src/dashboard/live/live-feed.ts";

const words = (feed: FeedState, isPaused = false, nowMs = 0, waiting = 0) =>
  feedWords({ feed, isPaused, waiting, perSecond: 12.4 }, nowMs);
const error = (code: Code) => new ConnectError("away", code);

test("how fast, paused with how many waiting, and how long until it connects again", () => {
  expect(words({ kind: "off" })).toBeUndefined();
  expect(words({ kind: "open" })?.text).toBe("12 a second");
  expect(words({ kind: "open" }, true)?.text).toBe("Paused");
  expect(words({ kind: "open" }, true, 0, 1_234)?.text).toBe("Paused, 1,234 waiting");
  const waiting = { kind: "waiting", retryAtMs: 3_000, error: error(Code.Unavailable) } as const;
  expect([0, 2_500, 3_000].map((now) => words(waiting, false, now)?.text)).toEqual([
    ...["Reconnecting in 3 s", "Reconnecting in 1 s", "Reconnecting…"],
  ]);
});

test("what is said aloud has no figures, which would be said again and again", () => {
  const waiting = { kind: "waiting", retryAtMs: 3_000, error: error(Code.Unavailable) } as const;
  const said = [0, 1_000, 3_000].map((now) => words(waiting, false, now)?.said);
  expect(new Set(said).size).toBe(1);
  expect(words({ kind: "open" }, true, 0, 5)?.said).toBe("Paused");
  expect(words({ kind: "open" })?.said).toBe("Following");
});

test("the end has a reason and a remedy", () => {
  const ended = (code: Code) => words({ kind: "ended", error: error(code) });
  expect(ended(Code.Unauthenticated)).toMatchObject({ tone: "ended", remedy: "signIn" });
  expect(ended(Code.DataLoss)).toMatchObject({ tone: "ended", remedy: "restart" });
});

test("rates are as exact as they are small", () => {
  expect([0, 0.2, 9.94, 12.4, 1_024].map(rateText)).toEqual([
    ...["0 a second", "0.2 a second", "9.9 a second", "12 a second", "1,024 a second"],
  ]);
});
