/** How much longer the credential works. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { useEffect, useState } from "react";
import { longestTimerMs } from "../../client/backoff.ts";
import { nextChange, noticeMs } from "../session/expiry.ts";
import { useSession } from "../session/session.tsx";

/**
 * The milliseconds that are left, once they are few; undefined before, and for a credential without
 * an end. When they are over by this machine's clock the server is asked, whose clock decides.
 */
export function useExpiry(): number | undefined {
  const { caller, isEnded, confirm } = useSession();
  const expireTime = caller?.expireTime;
  const expiresAt = expireTime && timestampMs(expireTime);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (expiresAt === undefined || isEnded) return;
    const waitMs = Math.min(longestTimerMs, Math.max(0, nextChange(expiresAt, now) - Date.now()));
    const timer = setTimeout(() => {
      if (Date.now() >= expiresAt) void confirm();
      setNow(Date.now());
    }, waitMs);
    return () => clearTimeout(timer);
  }, [expiresAt, isEnded, confirm, now]);
  if (expiresAt === undefined || now < expiresAt - noticeMs) return undefined;
  return Math.max(0, expiresAt - now);
}
