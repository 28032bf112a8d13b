/** "Verify" of one entry: what was checked, so that a person understands it. */
import { Button, Group, Loader, Stack, Text } from "@mantine/core";
import { IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import type { EntryJson } from "../../client/entry-json.ts";
import { useSession } from "../session/session.tsx";
import { Plain } from "../text/plain.tsx";
import { absoluteTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import { CheckpointsDisabled } from "./check-log.ts";
import { isAccusation } from "./fault-words.ts";
import { pageAlarms } from "./page-alarms.ts";
import { pageStorage } from "./page-storage.ts";
import classes from "./proof.module.css";
import { ProofSteps } from "./proof-steps.tsx";
import { type EntryProof, evidenceOf, proveEntry } from "./prove-entry.ts";
import { fileTime, saveFile } from "./save-file.ts";
import { Broken } from "./step-list.tsx";

/** Which entry to verify. */
export interface EntryProofPanelProps {
  readonly teamId: string;
  readonly id: string;
  /** Told of the entry as it was read for the proof, so that what is shown is what was checked. */
  readonly onRead: (entry: EntryJson) => void;
}

type Found = { readonly proof: EntryProof } | { readonly error: Error };

/** Verifies an entry when it appears, and again when asked. */
export default function EntryProofPanel({ teamId, id, onRead }: EntryProofPanelProps) {
  const { client } = useSession();
  const [found, setFound] = useState<Found>();
  const [attempt, setAttempt] = useState(0);
  const read = useRef(onRead);
  read.current = onRead;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt is a reason to begin anew
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    setFound(undefined);
    const check = { client, teamId, id, signal, alarms: pageAlarms(), storage: pageStorage() };
    proveEntry({ ...check, nowMs: Date.now }).then(
      (proof) => {
        if (signal.aborted) return;
        read.current(proof.json);
        setFound({ proof });
      },
      (error: Error) => {
        if (!signal.aborted) setFound({ error });
      },
    );
    return () => leaving.abort();
  }, [client, teamId, id, attempt]);
  const again = () => setAttempt((made) => made + 1);

  if (found === undefined) {
    return (
      <Group gap="xs" role="status">
        <Loader size="xs" aria-hidden />
        <Text size="sm">Checking this entry against the signed log…</Text>
      </Group>
    );
  }
  if ("error" in found) return <NotChecked error={found.error} onAgain={again} />;
  return <Proved proof={found.proof} onAgain={again} />;
}

/** The check did not come to its end. */
function NotChecked({ error, onAgain }: { error: Error; onAgain: () => void }) {
  if (error instanceof CheckpointsDisabled) {
    return (
      <Text size="sm" role="status">
        This server signs no checkpoints, so there is nothing to check an entry against. Those who
        run it can turn that on with a signing key.
      </Text>
    );
  }
  if (isAccusation(error)) {
    return (
      <Stack gap="xs" role="alert">
        <Broken error={error} />
        <Group>
          <Button size="xs" variant="default" onClick={onAgain}>
            Check again
          </Button>
        </Group>
      </Stack>
    );
  }
  return (
    <Stack gap="xs" role="status">
      <Text size="sm">
        This could not be checked just now, which says nothing about the entry:{" "}
        <Plain text={error.message} />
      </Text>
      <Group>
        <Button size="xs" variant="default" onClick={onAgain}>
          Try again
        </Button>
      </Group>
    </Stack>
  );
}

/** What a proof has shown; of details that are gone it shows nothing but that there were some. */
function provedWords({ sequence, detailsState }: EntryJson): string {
  const place = `entry ${sequence} of the log`;
  if (detailsState !== "erased") return `This is ${place} as it was recorded, unchanged.`;
  return `This is ${place} as it was recorded, but for its details, which were erased since. Whether that was by right, verifying the whole log shows.`;
}

function Proved({ proof, onAgain }: { proof: EntryProof; onAgain: () => void }) {
  const { isProved, log, file, json } = proof;
  const [zone] = useZone();
  const state = isProved ? "passed" : "failed";
  const Icon = isProved ? IconShieldCheck : IconShieldX;
  return (
    <Stack gap="sm">
      <div className={`${classes.verdict} ${classes[state]}`} role={isProved ? "status" : "alert"}>
        <Icon aria-hidden size={26} />
        <div>
          <Text fw={600}>{isProved ? "Verified" : "Not verified"}</Text>
          <Text size="sm" c="var(--mantine-color-text)">
            {isProved
              ? `${provedWords(json)} Your browser computed it at ${absoluteTime(log.atMs, zone)}.`
              : "Something does not hold: see the step in red."}
          </Text>
        </div>
      </div>
      <ProofSteps proof={proof} />
      <Group gap="xs">
        {!isProved && (
          <Button
            size="xs"
            color="red"
            onClick={() =>
              saveFile(`${json.id}-${fileTime(log.atMs)}-evidence.json`, evidenceOf(proof))
            }
          >
            Download the evidence
          </Button>
        )}
        {isProved && file !== undefined && (
          <Button size="xs" onClick={() => saveFile(`${json.id}.tlog-proof`, file)}>
            Download the proof
          </Button>
        )}
        <Button
          size="xs"
          variant="default"
          onClick={() => saveFile(`${log.teamId}-${fileTime(log.atMs)}.note`, log.note)}
        >
          Download the checkpoint
        </Button>
        <Button size="xs" variant="default" onClick={onAgain}>
          Check again
        </Button>
      </Group>
      {isProved && (
        <Text size="xs" c="var(--text-secondary)">
          Anyone can check the proof file without this server: annals verify --proof{" "}
          {`${json.id}.tlog-proof`} --key …
        </Text>
      )}
    </Stack>
  );
}
