import { useEffect, useState } from "react";
import { absoluteTime, relativeTime, zoneName } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import classes from "./entry.module.css";

/** A moment (RFC 3339) in the reader's zone and in UTC, with how long ago that is. */
export function Moment({ time }: { time: string }) {
  const [zone] = useZone();
  const nowMs = useNow();
  const ms = Date.parse(time);
  return (
    <time dateTime={time}>
      {absoluteTime(ms, zone)} <span className={classes.quiet}>{zoneName(zone)}</span>
      {zoneName(zone) !== "UTC" && (
        <>
          <br />
          {absoluteTime(ms, "UTC")} <span className={classes.quiet}>UTC</span>
        </>
      )}
      <br />
      <span className={classes.quiet}>{relativeTime(ms, nowMs)}</span>
    </time>
  );
}

/** How long ago a moment is, kept up to date. */
export function Ago({ time }: { time: string }) {
  const nowMs = useNow();
  return <time dateTime={time}>{relativeTime(Date.parse(time), nowMs)}</time>;
}

function useNow(): number {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
