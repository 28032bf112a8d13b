/** The dialog in which what a view shows is exported. */
import { ConnectError, Code as StatusCode } from "@connectrpc/connect";
import { Button, Code, Group, Modal, Progress, Radio, Stack, Text } from "@mantine/core";
import { useEffect, useEffectEvent, useState } from "react";
import { filterMessage } from "../../client/entry-filter.ts";
import { VerificationError } from "../../client/verify/fault.ts";
import { useSession } from "../session/session.tsx";
import { SignInForm } from "../session/sign-in-form.tsx";
import { Failure } from "../states/failure.tsx";
import { absoluteTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import type { TrailQuery } from "../trail/trail-query.ts";
import classes from "./export-dialog.module.css";
import type { FormatName } from "./formats.ts";
import { bytesInWords, countInWords } from "./progress-words.ts";
import type { ExportOutcome, ExportProgress } from "./trail-export.ts";
import { useExport } from "./use-export.ts";

/** Asks for the format, then shows how far it is. While it runs only its own button ends it. */
export default function ExportDialog(props: { query: TrailQuery; onClose: () => void }) {
  const { query, onClose } = props;
  const { stage, start, goOn, cancel } = useExport(query);
  const isBusy = stage.kind === "running" || stage.kind === "interrupted";
  return (
    <Modal
      opened
      onClose={onClose}
      title="Export"
      closeOnEscape={!isBusy}
      closeOnClickOutside={!isBusy}
      withCloseButton={!isBusy}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack>
        {stage.kind === "choosing" && (
          <Choice query={query} failure={stage.failure} onStart={start} />
        )}
        {stage.kind === "running" && (
          <>
            <HowFar progress={stage.progress} />
            <Text size="sm" role="status">
              {stage.isConnected
                ? "Exporting…"
                : "The connection is lost. It goes on by itself as soon as the server answers."}
            </Text>
            <Button variant="default" onClick={cancel}>
              Cancel
            </Button>
          </>
        )}
        {stage.kind === "interrupted" && (
          <Interrupted
            progress={stage.progress}
            failure={stage.failure}
            onGoOn={goOn}
            onGiveUp={cancel}
          />
        )}
        {stage.kind === "done" && (
          <Done outcome={stage.outcome} name={stage.name} onClose={onClose} />
        )}
      </Stack>
    </Modal>
  );
}

function Choice(props: {
  query: TrailQuery;
  failure: Error | undefined;
  onStart: (format: FormatName) => void;
}) {
  const { query, failure, onStart } = props;
  const [format, setFormat] = useState<FormatName>("ndjson");
  const isFiltered = filterMessage(query.filter) !== undefined;
  const proof = query.allTeams
    ? "One entry a line. Without proofs: each team’s log is signed by itself, so export one team for a file that proves itself."
    : isFiltered
      ? "For programs, and as evidence: each entry comes with the proof that it is in the log. That takes a call an entry; without a filter it is much faster."
      : "For programs, and as evidence: the whole log, which proves itself.";
  return (
    <>
      <Text size="sm">
        {isFiltered ? "What the filter shows" : "Everything"} of{" "}
        {query.allTeams ? "all teams" : "this team"} that you may read, oldest first.
      </Text>
      {failure && (
        <>
          {failure instanceof VerificationError && (
            <Text size="sm" c="var(--status-error)" role="alert">
              What the server sent is not what it has signed. Nothing was saved.
            </Text>
          )}
          <Failure error={failure} />
        </>
      )}
      <Radio.Group
        label="Format"
        value={format}
        onChange={(value) => setFormat(value === "csv" ? "csv" : "ndjson")}
      >
        <Stack gap="sm" mt="xs">
          <Radio value="ndjson" label="NDJSON" description={proof} />
          <Radio
            value="csv"
            label="CSV"
            description="For spreadsheets. Nothing in it can run as a formula. It cannot be verified."
          />
        </Stack>
      </Radio.Group>
      <Button onClick={() => onStart(format)}>Export</Button>
    </>
  );
}

function HowFar({ progress }: { progress: ExportProgress }) {
  const [zone] = useZone();
  const { entries, bytes, timeMs, share } = progress;
  return (
    <div>
      <Progress
        value={(share ?? 1) * 100}
        animated={share === undefined}
        aria-label="How far the export is"
      />
      <Text size="sm" mt="xs">
        {countInWords(entries)}, {bytesInWords(bytes)}
        {timeMs !== undefined && `, up to ${absoluteTime(timeMs, zone).slice(0, 19)}`}
      </Text>
    </div>
  );
}

/** The banner that asks to sign in is behind this dialog, so it can be done here. */
function Interrupted(props: {
  progress: ExportProgress;
  failure: Error;
  onGoOn: () => void;
  onGiveUp: () => void;
}) {
  const { progress, failure, onGoOn, onGiveUp } = props;
  const session = useSession();
  const isSignedOut = ConnectError.from(failure).code === StatusCode.Unauthenticated;
  const isBack = isSignedOut && !session.isEnded;
  const goOn = useEffectEvent(onGoOn);
  useEffect(() => {
    if (isBack) goOn();
  }, [isBack]);
  return (
    <>
      <HowFar progress={progress} />
      <Failure error={session.isEnded ? (session.failure ?? failure) : failure} />
      <Text size="sm">
        What is written so far is kept. It goes on from there, with nothing missing or twice.
      </Text>
      {session.isEnded && <SignInForm label="A fresh token or key" button="Sign in again" />}
      <Group grow>
        <Button variant="default" onClick={onGiveUp}>
          Give it up
        </Button>
        {!isSignedOut && <Button onClick={onGoOn}>Go on</Button>}
      </Group>
    </>
  );
}

function Done(props: { outcome: ExportOutcome; name: string; onClose: () => void }) {
  const { entries, bytes, withheld, pruned, isProven, isUnsigned } = props.outcome;
  return (
    <>
      <Text size="sm" role="status">
        <strong>Done.</strong> {countInWords(entries)}, {bytesInWords(bytes)}.
        {withheld > 0 && ` ${countInWords(withheld)} that you may not read are left out.`}
        {pruned > 0n && ` The first ${pruned} are no longer kept.`}
      </Text>
      {isUnsigned && (
        <Text size="sm">
          This server signs no checkpoints, so the file does not prove where it is from.
        </Text>
      )}
      {isProven && (
        <Text size="sm">
          Anybody can check it offline, with the server’s key:{" "}
          <Code block className={classes.command ?? ""}>
            npx annals verify --file {props.name}
          </Code>
        </Text>
      )}
      <Button onClick={props.onClose}>Close</Button>
    </>
  );
}
