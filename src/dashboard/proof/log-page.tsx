/** The page at `/log`: whether a team's log is what it was, and how to make sure. */
import { Button, Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { TeamIdText } from "../../client/new-entry.ts";
import { ChooseTeam } from "../states/choose-team.tsx";
import { Failure } from "../states/failure.tsx";
import { Forbidden } from "../states/forbidden.tsx";
import { Loading } from "../states/loading.tsx";
import { useChosenLog } from "../view/chosen-log.ts";
import { ExactText } from "./bytes.tsx";
import { isAccusation } from "./fault-words.ts";
import { ForgetLog } from "./forget-log.tsx";
import { KeyPanel } from "./key-panel.tsx";
import { LogFacts } from "./log-facts.tsx";
import { LogVerdict } from "./log-verdict.tsx";
import classes from "./proof.module.css";
import { fileTime, saveFile } from "./save-file.ts";
import { Broken } from "./step-list.tsx";
import { useLogCheck } from "./use-log-check.ts";
import { WalkPanel } from "./walk-panel.tsx";

/** The page. */
export default function LogPage() {
  const { teamId, isAllTeams, permissions, isSigned, error } = useChosenLog();
  if (error) return <Failure error={error} />;
  if (!permissions) return <Loading what="Opening the log" />;
  if (isAllTeams && !permissions.readAllTeams) return <Forbidden what="read every team's log" />;
  if (permissions.readableScopes.length === 0) return <Forbidden what="read this team's log" />;
  if (isAllTeams || teamId === undefined) return <ChooseTeam what="log" />;
  return isSigned ? <TeamLog key={teamId} teamId={teamId} /> : <NoCheckpoints />;
}

function TeamLog({ teamId }: { teamId: TeamIdText }) {
  const check = useLogCheck(teamId, { isAnew: true });
  const again = () => void check.refetch();
  if (check.error) return <Unchecked error={check.error} onAgain={again} />;
  if (check.data === undefined) return <Loading what="Checking the log" />;
  const log = check.data;
  return (
    <Page>
      <Section title="Is it the log that this browser saw before?">
        <LogVerdict log={log} />
        {log.memoryFault && log.claimed && <ForgetLog claimed={log.claimed} onForgotten={again} />}
        <Group gap="xs">
          <Button size="xs" variant="default" onClick={again} loading={check.isFetching}>
            Check again
          </Button>
          <Button
            size="xs"
            variant="default"
            onClick={() => saveFile(`${teamId}-${fileTime(log.atMs)}.note`, log.note)}
          >
            Download the checkpoint
          </Button>
        </Group>
        <Text size="xs" c="var(--text-secondary)">
          A checkpoint is a few lines of text that tell nothing but a size and a fingerprint. Send
          it to somebody else who reads this log: if you are ever shown different logs, you will
          find out.
        </Text>
      </Section>
      <Section title="Has anything been tampered with?">
        <WalkPanel teamId={teamId} note={log.note} />
      </Section>
      <Section title="The checkpoint">
        <LogFacts log={log} teamId={teamId} />
        <ExactText label="As it is signed" text={log.note} />
      </Section>
      <Section title="The key">
        <KeyPanel log={log} onChange={again} />
      </Section>
    </Page>
  );
}

function NoCheckpoints() {
  return (
    <Page>
      <Section title="This server signs no checkpoints">
        <Text size="sm">
          So there is nothing to hold its log against. Entries are chained all the same; those who
          run the server can turn signing on by giving it a signing key (CHECKPOINT_KEY), also for
          what is recorded already.
        </Text>
      </Section>
    </Page>
  );
}

function Unchecked({ error, onAgain }: { error: Error; onAgain: () => void }) {
  return (
    <Page>
      <Section title="Is it the log that this browser saw before?">
        {isAccusation(error) ? (
          <div role="alert">
            <Broken error={error} />
          </div>
        ) : (
          <Failure error={error} />
        )}
        <Group>
          <Button size="xs" variant="default" onClick={onAgain}>
            Check again
          </Button>
        </Group>
      </Section>
    </Page>
  );
}

function Page({ children }: { children: ReactNode }) {
  return (
    <div className={classes.page}>
      <Title order={1} size="h3">
        Proof
      </Title>
      {children}
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.section} aria-label={title}>
      <Title order={2} size="h5">
        {title}
      </Title>
      <Stack gap="sm">{children}</Stack>
    </section>
  );
}
