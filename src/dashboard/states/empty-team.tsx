import { Button, CopyButton, Loader, SegmentedControl, Text, Title } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import type { TeamIdText } from "../../client/new-entry.ts";
import { ScrollingText } from "../text/scrolling-text.tsx";
import { useChosenLog } from "../view/chosen-log.ts";
import { firstEntrySnippets } from "./first-entry-snippets.ts";
import classes from "./states.module.css";
import { useFirstEntry } from "./use-first-entry.ts";

/** What it needs. */
export interface EmptyTeamProps {
  readonly teamId: TeamIdText;
  /** Called once when the first entry is there: read the trail anew. */
  readonly onFirstEntry: () => void;
}

/** A log without entries: how to record the first one. */
export function EmptyTeam({ teamId, onFirstEntry }: EmptyTeamProps) {
  const { permissions } = useChosenLog();
  const [name, setName] = useState("curl");
  useFirstEntry(teamId, onFirstEntry);
  const snippets = firstEntrySnippets({ origin: window.location.origin, teamId });
  const { code, note } = snippets.find((each) => each.name === name) ?? { code: "", note: "" };
  const keys = `/keys?${new URLSearchParams({ team: teamId })}`;
  return (
    <section className={classes.empty}>
      <Title order={2} size="h3">
        Nothing has been recorded yet
      </Title>
      <Text>
        Entries appear here as programs record them. Put a token or an API key into the environment
        as <code>ANNALS_TOKEN</code>, then record the first one:
        {permissions?.manageApiKeys && (
          <>
            {" "}
            <Link href={keys}>make an API key</Link> for it.
          </>
        )}
      </Text>
      <div>
        <SegmentedControl
          size="xs"
          aria-label="Language"
          value={name}
          onChange={setName}
          data={snippets.map((each) => each.name)}
        />
      </div>
      <Text size="sm" c="var(--text-secondary)">
        {note}
      </Text>
      <div className={classes.snippet}>
        <ScrollingText label={`How to record an entry with ${name}`} text={code} />
        <CopyButton value={code}>
          {({ copied, copy }) => (
            <Button
              className={classes.copy ?? ""}
              size="compact-sm"
              variant="default"
              onClick={copy}
            >
              {copied ? "Copied" : "Copy"}
            </Button>
          )}
        </CopyButton>
      </div>
      <p className={classes.watching} role="status">
        <Loader size="xs" type="dots" aria-hidden />
        Watching for the first entry. It will show by itself.
      </p>
    </section>
  );
}
