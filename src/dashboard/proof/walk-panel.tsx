/** "Verify everything I may read": a walk over the whole log, with its result in words. */

import { ConnectError } from "@connectrpc/connect";
import { Button, Group, Progress, Stack, Text } from "@mantine/core";
import { IconShieldCheck, IconShieldExclamation } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import type { TeamIdText } from "../../client/new-entry.ts";
import { VerificationError } from "../../client/verify/fault.ts";
import { useSession } from "../session/session.tsx";
import { Plain } from "../text/plain.tsx";
import { absoluteTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import { formatView, plainView } from "../view/view.ts";
import { isAccusation } from "./fault-words.ts";
import { pageAlarms } from "./page-alarms.ts";
import { pageStorage } from "./page-storage.ts";
import classes from "./proof.module.css";
import { fileTime, saveFile } from "./save-file.ts";
import { Broken } from "./step-list.tsx";
import { type WalkedLog, type WalkProgress, walkLog } from "./walk-log.ts";
import { walkWords } from "./walk-words.ts";

type Walk =
  | { readonly state: "idle" | "cancelled" }
  | { readonly state: "under way"; readonly progress: WalkProgress }
  | { readonly state: "done"; readonly report: WalkedLog }
  | { readonly state: "failed"; readonly error: Error; readonly atMs: number };

/** Starts, shows and cancels a walk of one team: with another comes another panel. Leaving the page cancels it. */
export function WalkPanel({ teamId, note }: { teamId: TeamIdText; note: string }) {
  const { client } = useSession();
  const [walk, setWalk] = useState<Walk>({ state: "idle" });
  const controller = useRef<AbortController>(undefined);
  useEffect(() => () => controller.current?.abort(), []);

  const start = async () => {
    const own = new AbortController();
    const { signal } = own;
    controller.current = own;
    const show = (next: Walk) => {
      if (controller.current === own) setWalk(next);
    };
    show({ state: "under way", progress: { done: 0n, total: 0n } });
    try {
      const report = await walkLog({
        ...{ client, teamId, signal, alarms: pageAlarms(), storage: pageStorage() },
        nowMs: Date.now,
        onProgress: (progress) => show({ state: "under way", progress }),
      });
      show(report === undefined ? { state: "cancelled" } : { state: "done", report });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      show({ state: "failed", error, atMs: Date.now() });
    }
  };

  return (
    <Stack gap="sm">
      <Text size="sm">
        Reads every entry that you may read, computes the fingerprint of each in your browser, and
        holds them all against the signed log. Of entries that you may not read, only their
        fingerprints come.
      </Text>
      {walk.state === "under way" ? (
        <UnderWay progress={walk.progress} onCancel={() => controller.current?.abort()} />
      ) : (
        <Group>
          <Button
            onClick={() => void start()}
            variant={walk.state === "idle" ? "filled" : "default"}
          >
            {walk.state === "idle" ? "Verify everything I may read" : "Verify everything again"}
          </Button>
        </Group>
      )}
      {walk.state === "cancelled" && (
        <Text size="sm" role="status">
          Cancelled: nothing was found out.
        </Text>
      )}
      {walk.state === "done" && <Done report={walk.report} />}
      {walk.state === "failed" && (
        <Failed
          {...{ error: walk.error, teamId, note }}
          name={`${teamId}-${fileTime(walk.atMs)}.note`}
        />
      )}
    </Stack>
  );
}

function UnderWay({ progress, onCancel }: { progress: WalkProgress; onCancel: () => void }) {
  const { done, total } = progress;
  const percent = total === 0n ? 0 : Number((done * 1000n) / total) / 10;
  return (
    <Group gap="sm" wrap="nowrap">
      <Progress
        className={classes.progress ?? ""}
        value={percent}
        aria-label="Verifying the whole log"
      />
      <Text size="sm" className={classes.count ?? ""}>
        {done.toLocaleString("en")} of {total.toLocaleString("en")}
      </Text>
      <Button size="xs" variant="default" onClick={onCancel}>
        Cancel
      </Button>
    </Group>
  );
}

function Done({ report }: { report: WalkedLog }) {
  const [zone] = useZone();
  const { title, isWhole, sentences } = walkWords(report);
  const Icon = isWhole ? IconShieldCheck : IconShieldExclamation;
  return (
    <div
      className={`${classes.verdict} ${isWhole ? classes.passed : classes.partly}`}
      role="status"
    >
      <Icon aria-hidden size={26} />
      <div>
        <Text fw={600}>{title}</Text>
        {sentences.map((sentence) => (
          <Text key={sentence} size="sm" c="var(--mantine-color-text)">
            {sentence}
          </Text>
        ))}
        <Text size="xs" c="var(--text-secondary)">
          Computed in your browser at {absoluteTime(report.atMs, zone)}.
        </Text>
      </div>
    </div>
  );
}

interface FailedProps {
  readonly error: Error;
  readonly teamId: TeamIdText;
  readonly note: string;
  readonly name: string;
}

function Failed({ error, teamId, note, name }: FailedProps) {
  if (!isAccusation(error)) {
    const isServer = error instanceof ConnectError;
    return (
      <Text size="sm" role="alert">
        This could not be finished, which says nothing about the log:{" "}
        <Plain text={isServer ? error.rawMessage : error.message} />
      </Text>
    );
  }
  const sequence = error instanceof VerificationError ? error.sequence : undefined;
  return (
    <Stack gap="xs" role="alert">
      <Text fw={600} className={classes.failed ?? ""}>
        {sequence === undefined
          ? "This log does not hold"
          : `This log does not hold from entry ${sequence.toLocaleString("en")} on`}
      </Text>
      <Broken error={error} />
      <Group>
        <Button size="xs" color="red" onClick={() => saveFile(name, note)}>
          Download the checkpoint
        </Button>
        {sequence !== undefined && <OpenEntry teamId={teamId} sequence={sequence} />}
      </Group>
    </Stack>
  );
}

/** The way to an entry of which only the number is known; of one that is missing there is none. */
function OpenEntry({ teamId, sequence }: { teamId: TeamIdText; sequence: bigint }) {
  const { client } = useSession();
  const { data } = useQuery({
    queryKey: ["entry at", teamId, String(sequence)],
    queryFn: ({ signal }) => client.get({ teamId, sequence }, { signal }),
  });
  if (data === undefined) return null;
  const view = formatView({ ...plainView, team: teamId, entry: data.id });
  return (
    <Button size="xs" variant="default" component={Link} href={`/?${view}`}>
      Open entry {sequence.toLocaleString("en")}
    </Button>
  );
}
