/** An entry with everything that it says. */
import { Button, Group, Text, Title } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import type { EntryJson } from "../../client/entry-json.ts";
import type { EntryIdText, TeamIdText } from "../../client/new-entry.ts";
import { useSession } from "../session/session.tsx";
import { Failure } from "../states/failure.tsx";
import { Loading } from "../states/loading.tsx";
import { DifferencesView } from "./differences-view.tsx";
import classes from "./entry.module.css";
import { EntryActions } from "./entry-actions.tsx";
import { EntryFields } from "./entry-fields.tsx";
import { EntrySentence } from "./entry-sentence.tsx";
import { ErasedNotice } from "./erased-notice.tsx";
import { MetadataView } from "./metadata-view.tsx";
import { RelatedEntries } from "./related-entries.tsx";

const EntryProofPanel = lazy(() => import("../proof/entry-proof.tsx"));

/** Which entry. */
export interface EntryContentProps {
  readonly teamId: TeamIdText;
  readonly id: EntryIdText;
}

/** Reads an entry and shows it. */
export default function EntryContent({ teamId, id }: EntryContentProps) {
  const { client } = useSession();
  // What was verified is what is shown, whatever is read later.
  const [checked, setChecked] = useState<EntryJson>();
  const { data, error, refetch } = useQuery({
    queryKey: ["entry", teamId, id],
    queryFn: ({ signal }) => client.get({ teamId, id }, { signal }),
    // Its details may have been erased since.
    staleTime: 60_000,
  });
  if (data === undefined && error) {
    return <Failure error={error} onRetry={() => void refetch()} />;
  }
  if (data === undefined) return <Loading what="Reading the entry" />;
  // Another entry than was asked for is none to show; the proof says what is wrong with it.
  const onRead = (read: EntryJson) => {
    if (read.id === id && read.teamId === teamId) setChecked(read);
  };
  return (
    <Entry
      entry={checked ?? data}
      proof={
        <Suspense fallback={<Loading what="Loading what verifies" />}>
          <EntryProofPanel teamId={teamId} id={id} onRead={onRead} />
        </Suspense>
      }
    />
  );
}

function Entry({ entry, proof }: { entry: EntryJson; proof: ReactNode }) {
  const { metadata, detailsState } = entry;
  const [isProving, setProving] = useState(false);
  return (
    <article className={classes.content} aria-label="The entry">
      <EntrySentence entry={entry} />
      {isProving ? (
        <section className={classes.section} aria-label="Proof">
          <Title order={3} size="h5">
            Proof
          </Title>
          {proof}
        </section>
      ) : (
        <Group gap="xs">
          <Button
            size="xs"
            leftSection={<IconShieldCheck size={16} aria-hidden />}
            onClick={() => setProving(true)}
          >
            Verify
          </Button>
          <Text size="xs" c="var(--text-secondary)">
            Has it been changed since it was recorded?
          </Text>
        </Group>
      )}
      {detailsState === "erased" && <ErasedNotice entry={entry} />}
      {metadata !== undefined && <DifferencesView metadata={metadata} />}
      <EntryFields entry={entry} />
      {metadata !== undefined && <MetadataView metadata={metadata} />}
      <EntryActions entry={entry} />
      <Settled>
        <RelatedEntries entry={entry} />
      </Settled>
    </article>
  );
}

/** What is not worth asking for while somebody leafs through entries. */
function Settled({ children }: { children: ReactNode }) {
  const [isSettled, setSettled] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(true), 250);
    return () => clearTimeout(timer);
  }, []);
  return isSettled ? children : null;
}
