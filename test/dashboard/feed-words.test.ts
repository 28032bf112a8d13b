import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { feedWords, rateText } from "../../src/dashboard/live/feed-words.ts";
import type { FeedState } from "../../src/dashboard/live/live-feed.ts";

const words = (feed: FeedState, isPaused = false, nowMs = 0) =>
  feedWords({ feed, isPaused, waiting: 0, perSecond: 0 }, nowMs);
const error = (code: Code) => new ConnectError("away", code);

test("live, paused, and how long until it connects again", () => {
  expect(words({ kind: "off" })).toBeUndefined();
  expect(words({ kind: "open" })?.text).toBe("Live");
  expect(words({ kind: "open" }, true)?.text).toBe("Paused");
  const waiting = { kind: "waiting", retryAtMs: 3_000, error: error(Code.Unavailable) } as const;
  expect([0, 2_500, 3_000].map((now) => words(waiting, false, now)?.text)).toEqual([
    ...["Reconnecting in 3 s", "Reconnecting in 1 s", "Reconnecting…"],
  ]);
});

test("the end has a reason and a remedy", () => {
  const ended = (code: Code) => words({ kind: "ended", error: error(code) });
  expect(ended(Code.Unauthenticated)).toMatchObject({ tone: "ended", remedy: "signIn" });
  expect(ended(Code.DataLoss)).toMatchObject({ tone: "ended", remedy: "restart" });
});

test("rates are as exact as they are small", () => {
  expect([0, 0.2, 9.94, 12.4, 1_024].map(rateText)).toEqual([
    ...["", "0.2/s", "9.9/s", "12/s", "1,024/s"],
  ]);
});
