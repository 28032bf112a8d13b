/** A time, as long ago and as a date: one is shown, the other when it is asked for. */
import { useLocalStorage } from "@mantine/hooks";
import { useCallback, useSyncExternalStore } from "react";
import { everySecond } from "./clock.ts";
import { absoluteTime, relativeTime } from "./format.ts";
import classes from "./moment.module.css";
import type { Zone } from "./zone.tsx";

/** Which of the two is shown at first. */
export type TimeStyle = "relative" | "absolute";

/** The style chosen in this browser, and the way to change it. */
export function useTimeStyle(): [TimeStyle, (style: TimeStyle) => void] {
  const [style, setStyle] = useLocalStorage<TimeStyle>({
    key: "annals/time-style",
    defaultValue: "relative",
    getInitialValueInEffect: false,
  });
  return [style === "absolute" ? "absolute" : "relative", setStyle];
}

/** How long ago something was; it stays right as time passes. */
export function useRelativeTime(ms: number): string {
  const text = useCallback(() => relativeTime(ms, Math.max(ms, Date.now())), [ms]);
  return useSyncExternalStore(everySecond, text);
}

/**
 * A past time in milliseconds since 1970. What is not shown appears while the pointer is on it, and
 * while its row is chosen (`[data-active]`).
 */
export function Moment({ ms, style, zone }: { ms: number; style: TimeStyle; zone: Zone }) {
  const relative = useRelativeTime(ms);
  const absolute = absoluteTime(ms, zone);
  const [shown, other] = style === "relative" ? [relative, absolute] : [absolute, relative];
  return (
    <time className={classes.moment} dateTime={new Date(ms).toISOString()} data-other={other}>
      {shown}
    </time>
  );
}
