/** The banner that says that a log is not what it was. */
import { Alert, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useSyncExternalStore } from "react";
import { Link } from "wouter";
import { Plain } from "../text/plain.tsx";
import { absoluteTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import type { Alarm } from "./alarms.ts";
import classes from "./log-alarm.module.css";
import { pageAlarms } from "./page-alarms.ts";
import { pageStorage } from "./page-storage.ts";
import { fileTime, saveFile } from "./save-file.ts";
import { useLogCheck } from "./use-log-check.ts";

const titles: Readonly<Record<Alarm["kind"], string>> = {
  history: "This log is not the one that this browser saw before",
  server: "The server says that this log is not the one it signed",
  key: "This log is signed with a key that this browser does not know",
  signature: "This log is not rightly signed",
  entries: "The entries of this log are not those that were signed for",
};

const explanations: Readonly<Record<Alarm["kind"], string>> = {
  history:
    "It was rewound or rewritten. Two signed checkpoints contradict each other: they prove it, so keep them.",
  server: "Entries were changed, or an older backup was restored, behind the server's back.",
  key: "Ask those who run this server, by another way than this page, whether they changed the key.",
  signature: "What the server shows is not proved by anything. Keep what it sent.",
  entries: "Something was changed, put in or taken away after it was recorded.",
};

/**
 * Checks a team's log once when it is opened, if the server signs it, and shows what was ever found
 * wrong with it until a person dismisses that. Nothing is shown while all is well.
 */
export function LogAlarm(props: { teamId: string | undefined; isSigned: boolean }) {
  const { teamId, isSigned } = props;
  const alarms = pageAlarms();
  const alarm = useSyncExternalStore(alarms.subscribe, () =>
    teamId === undefined ? undefined : alarms.get(teamId),
  );
  // A failure accuses nobody, and the pages that ask for more say so; what does raises the alarm.
  useLogCheck(isSigned ? teamId : undefined);
  return alarm && <AlarmBanner alarm={alarm} onDismiss={() => alarms.dismiss(alarm.teamId)} />;
}

function AlarmBanner({ alarm, onDismiss }: { alarm: Alarm; onDismiss: () => void }) {
  const [zone] = useZone();
  const { kind, atMs, message, notes, teamId } = alarm;
  const search = new URLSearchParams({ team: teamId });
  return (
    <Alert
      role="alert"
      color="red"
      variant="light"
      className={classes.alarm ?? ""}
      classNames={{ message: classes.message ?? "", title: classes.title ?? "" }}
      icon={<IconAlertTriangle aria-hidden />}
      title={titles[kind]}
    >
      <Text size="sm">
        {explanations[kind]} Found at {absoluteTime(atMs, zone)}: <Plain text={message} />.
        {!pageStorage().isLasting &&
          " Your browser refuses to keep this notice: it goes when this page is closed."}
      </Text>
      <Group gap="xs" mt="xs">
        {notes.length > 0 && (
          <Button
            size="xs"
            color="red"
            className={classes.keep ?? ""}
            onClick={() => saveEvidence(alarm)}
          >
            {notes.length === 2 ? "Download both checkpoints" : "Download the checkpoint"}
          </Button>
        )}
        <Button size="xs" variant="default" component={Link} href={`/log?${search}`}>
          See what was checked
        </Button>
        <Button size="xs" variant="default" onClick={onDismiss}>
          I have taken note of it
        </Button>
      </Group>
    </Alert>
  );
}

/** A file for each note: as `annals verify` keeps them. */
function saveEvidence({ notes, atMs }: Alarm): void {
  const names = notes.length === 2 ? ["seen-before", "given-now"] : ["given-now"];
  for (const [i, note] of notes.entries()) saveFile(`${fileTime(atMs)}-${names[i]}.note`, note);
}
