/** How the live view stands, in words. */
import { Code } from "@connectrpc/connect";
import { failureMessage } from "../states/failure-message.ts";
import type { LiveStatus } from "./live-trail.ts";

/** What is said, and in which colour. */
export interface FeedWords {
  readonly tone: "live" | "held" | "waiting" | "ended";
  readonly text: string;
  /** What is said aloud: the same without figures, which change too often to be listened to. */
  readonly said: string;
  /** More about it; undefined if there is no more. */
  readonly advice: string | undefined;
  /** What a button does about it; undefined if there is nothing to be done. */
  readonly remedy: "signIn" | "restart" | undefined;
}

/** The words of a status; undefined while the live view is off. */
export function feedWords(status: LiveStatus, nowMs: number): FeedWords | undefined {
  const { feed, isPaused, waiting, perSecond } = status;
  const plain = { advice: undefined, remedy: undefined };
  switch (feed.kind) {
    case "off":
      return undefined;
    case "connecting":
      return { ...plain, tone: "waiting", text: "Connecting…", said: "Connecting" };
    case "open": {
      if (!isPaused)
        return { ...plain, tone: "live", text: rateText(perSecond), said: "Following" };
      const text = waiting > 0 ? `Paused, ${numbers.format(waiting)} waiting` : "Paused";
      return { ...plain, tone: "held", text, said: "Paused" };
    }
    case "waiting": {
      const seconds = Math.ceil((feed.retryAtMs - nowMs) / 1_000);
      const text = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…";
      const advice = `${failureMessage(feed.error).title}. Nothing will be missing.`;
      return { ...plain, tone: "waiting", text, said: `Reconnecting. ${advice}`, advice };
    }
    case "ended": {
      const { title, advice } = failureMessage(feed.error);
      const isSignedOut = feed.error.code === Code.Unauthenticated;
      const remedy = isSignedOut ? "signIn" : "restart";
      return { tone: "ended", text: title, said: title, advice, remedy };
    }
  }
}

const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const small = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** A rate for people. Examples: `0 a second`, `0.4 a second`, `1,024 a second` */
export function rateText(perSecond: number): string {
  return `${(perSecond < 9.95 ? small : numbers).format(perSecond)} a second`;
}
