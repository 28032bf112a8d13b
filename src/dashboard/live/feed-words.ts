/** How the live view stands, in words. */
import { Code } from "@connectrpc/connect";
import { failureMessage } from "../states/failure-message.ts";
import type { LiveStatus } from "./live-trail.ts";

/** What is said, and in which colour. */
export interface FeedWords {
  readonly tone: "live" | "held" | "waiting" | "ended";
  readonly text: string;
  /** More about it; undefined if there is no more. */
  readonly advice: string | undefined;
  /** What a button does about it; undefined if there is nothing to be done. */
  readonly remedy: "signIn" | "restart" | undefined;
}

/** The words of a status; undefined while the live view is off. */
export function feedWords({ feed, isPaused }: LiveStatus, nowMs: number): FeedWords | undefined {
  const plain = { advice: undefined, remedy: undefined };
  switch (feed.kind) {
    case "off":
      return undefined;
    case "connecting":
      return { ...plain, tone: "waiting", text: "Connecting…" };
    case "open":
      if (isPaused) return { ...plain, tone: "held", text: "Paused" };
      return { ...plain, tone: "live", text: "Live" };
    case "waiting": {
      const seconds = Math.ceil((feed.retryAtMs - nowMs) / 1_000);
      const text = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…";
      const { title } = failureMessage(feed.error);
      return { ...plain, tone: "waiting", text, advice: `${title}. Nothing will be missing.` };
    }
    case "ended": {
      const { title, advice } = failureMessage(feed.error);
      const isSignedOut = feed.error.code === Code.Unauthenticated;
      const remedy = isSignedOut ? "signIn" : "restart";
      return { tone: "ended", text: title, advice, remedy };
    }
  }
}

/** A rate for people. Examples: `0.4/s`, `12/s`, `1,024/s`; empty for none. */
export function rateText(perSecond: number): string {
  if (perSecond <= 0) return "";
  const digits = perSecond < 9.95 ? 1 : 0;
  return `${perSecond.toLocaleString("en", { maximumFractionDigits: digits })}/s`;
}
