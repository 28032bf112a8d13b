import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Button, Group, Paper, Text } from "@mantine/core";
import { IconClockExclamation, IconKeyOff } from "@tabler/icons-react";
import { useState } from "react";
import { reasonOf } from "../../client/error-reason.ts";
import { timeLeft } from "../session/expiry.ts";
import { useSession } from "../session/session.tsx";
import { SignInForm } from "../session/sign-in-form.tsx";
import { failureMessage } from "../states/failure-message.ts";
import { absoluteTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import classes from "./shell.module.css";
import { useExpiry } from "./use-expiry.ts";

/** Says that the credential has ended or soon will, and takes a fresh one in its place. */
export function SessionEnded() {
  const { isEnded } = useSession();
  const leftMs = useExpiry();
  if (isEnded) return <Ended />;
  return leftMs === undefined ? null : <EndsSoon leftMs={leftMs} />;
}

function Ended() {
  const { caller, ended } = useSession();
  const [zone] = useZone();
  const isExpired = reasonOf(ended) === "CREDENTIAL_EXPIRED";
  const { expireTime } = caller ?? {};
  const when =
    isExpired && expireTime
      ? ` at ${absoluteTime(timestampMs(expireTime), zone).slice(0, 19)}`
      : "";
  return (
    <Paper component="section" className={classes.notice ?? ""} aria-label="Signed out">
      <div role="alert" className={classes.noticeText}>
        <IconKeyOff size={20} aria-hidden />
        <Text size="sm">
          <strong>
            {isExpired
              ? `Your access ended${when}.`
              : `${failureMessage(ended).title}. Your access has ended.`}
          </strong>{" "}
          Nothing on this page is lost. Sign in again to go on.
        </Text>
      </div>
      <Again />
    </Paper>
  );
}

function EndsSoon({ leftMs }: { leftMs: number }) {
  const [isOpen, setOpen] = useState(false);
  const [dismissed, setDismissed] = useState(false);
  if (dismissed && leftMs > 60_000) return null;
  return (
    <Paper component="section" className={classes.notice ?? ""} aria-label="Your access ends soon">
      <div role="status" className={classes.noticeText}>
        <IconClockExclamation size={20} aria-hidden />
        <Text size="sm">Your access works for {timeLeft(leftMs)}.</Text>
      </div>
      {isOpen ? (
        <Again />
      ) : (
        <Group gap="xs">
          <Button size="xs" variant="default" onClick={() => setOpen(true)}>
            Sign in anew
          </Button>
          <Button size="xs" variant="subtle" color="gray" onClick={() => setDismissed(true)}>
            Later
          </Button>
        </Group>
      )}
    </Paper>
  );
}

function Again() {
  const { failure, isChecking } = useSession();
  const message = failure && !isChecking ? failureMessage(failure) : undefined;
  return (
    <div className={classes.again}>
      <SignInForm label="A fresh token or key" button="Sign in again" />
      {message && (
        <Text size="sm" c="var(--status-error)" role="alert" mt="xs">
          {message.title}. {message.advice}
        </Text>
      )}
    </div>
  );
}
