import { Group, Text } from "@mantine/core";
import { IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import { absoluteTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import type { CheckedLog } from "./check-log.ts";
import classes from "./proof.module.css";
import { Broken } from "./step-list.tsx";

/** Whether the log goes on from what this browser saw of it. */
export function LogVerdict({ log }: { log: CheckedLog }) {
  const [zone] = useZone();
  const { signatureFault, memoryFault, before, claimed, isFirstUse, isKept, atMs } = log;
  const fault = signatureFault ?? memoryFault;
  if (fault !== undefined) {
    return (
      <div role="alert">
        <Group gap="xs" className={classes.failed ?? ""}>
          <IconShieldX aria-hidden size={26} />
          <Text fw={600}>No, or it cannot be told</Text>
        </Group>
        <Broken error={fault} />
      </div>
    );
  }
  const seenAt = before?.atMs === undefined ? "before" : `on ${absoluteTime(before.atMs, zone)}`;
  return (
    <div className={`${classes.verdict} ${classes.passed}`} role="status">
      <IconShieldCheck aria-hidden size={26} />
      <div>
        <Text fw={600}>
          {before === undefined ? "This is the first look at it" : "Yes, it goes on from there"}
        </Text>
        <Text size="sm" c="var(--mantine-color-text)">
          {before === undefined
            ? `There is nothing yet to compare it with. It has ${size(claimed?.size ?? 0n)} and its signature is right. From now on this browser demands that the log goes on from here.`
            : continuity(claimed?.size ?? 0n, before.checkpoint.size, seenAt)}
          {!isKept && ` ${notKept}`}
          {isFirstUse && " The key was taken at the server's word: see below."}
        </Text>
        <Text size="xs" c="var(--text-secondary)">
          Checked at {absoluteTime(atMs, zone)}.
        </Text>
      </div>
    </div>
  );
}

/** Said where a browser has no room for what is remembered, or is told to remember nothing. */
export const notKept =
  "But your browser refuses to keep that: when this page is closed, it will not know this log any more.";

/** How a log goes on from what was seen of it; a server may also give an earlier state of that. */
function continuity(now: bigint, seen: bigint, seenAt: string): string {
  if (now === seen) return `Its ${size(now)} are those that this browser saw ${seenAt}, unchanged.`;
  if (now > seen) {
    return `Its ${size(now)} begin with the ${size(seen)} that this browser saw ${seenAt}, unchanged.`;
  }
  return `The server gave an earlier state, of ${size(now)}, and still has the ${size(seen)} that this browser saw ${seenAt}.`;
}

function size(entries: bigint): string {
  return entries === 1n ? "1 entry" : `${entries.toLocaleString("en")} entries`;
}
