import { useCallback, useSyncExternalStore } from "react";
import { everySecond } from "../time/clock.ts";
import { absoluteTime, relativeTime, zoneName } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import classes from "./entry.module.css";

/** A moment (RFC 3339) in the reader's zone and, where that differs, in UTC; and how long ago it is. */
export function Moment({ time }: { time: string }) {
  const [zone] = useZone();
  const ago = useAgo(time);
  const ms = Date.parse(time);
  const [own, utc] = [absoluteTime(ms, zone), absoluteTime(ms, "UTC")];
  return (
    <time dateTime={time}>
      {own !== utc && (
        <>
          {own} <span className={classes.quiet}>{zoneName(zone)}</span>
          <br />
        </>
      )}
      {utc} <span className={classes.quiet}>UTC</span>
      <br />
      <span className={classes.quiet}>{ago}</span>
    </time>
  );
}

/** How long ago a moment is, kept up to date. */
export function Ago({ time }: { time: string }) {
  return <time dateTime={time}>{useAgo(time)}</time>;
}

function useAgo(time: string): string {
  const text = useCallback(() => relativeTime(Date.parse(time), Date.now()), [time]);
  return useSyncExternalStore(everySecond, text);
}
