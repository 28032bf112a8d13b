/** Every team that has a log, to choose one. */

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Alert, Button, Loader, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { type KeyboardEvent, useId, useState } from "react";
import type { Log } from "../../../gen/audit/v1/access_service_pb.ts";
import { failureMessage } from "../states/failure-message.ts";
import { relativeTime } from "../time/format.ts";
import { useChosenLog } from "../view/chosen-log.ts";
import { isTeamId } from "../view/team-id.ts";
import classes from "./team-list.module.css";
import { isFound, shortTeam } from "./team-words.ts";
import { useLogs } from "./use-logs.ts";

/** What can be chosen: a team's id, or every team. */
interface Choice {
  readonly team: string;
  readonly title: string;
  readonly note: string;
}

/**
 * A searchable list, by keyboard as a list box: arrows move, Enter chooses. Any team's id can be
 * pasted, also of one that has no log yet; who may not list the logs can do only that.
 */
export function TeamList(props: {
  chosen: string | undefined;
  onChoose: (team: string) => void;
  autoFocus?: boolean;
  /** Whether all teams together are no choice. */
  isOneTeam?: boolean;
}) {
  const { chosen, onChoose, isOneTeam = false } = props;
  const { permissions } = useChosenLog();
  const mayList = permissions?.readAllTeams === true;
  const [search, setSearch] = useState("");
  const [active, setActive] = useState(0);
  const { logs, isLoading, hasMore, error, readMore, readAgain } = useLogs(search.trim(), mayList);
  const list = useId();
  const choices = choicesOf(logs, search, isOneTeam || !mayList);
  const current = Math.min(active, choices.length - 1);
  const optionId = (index: number) => `${list}-${index}`;
  const move = (index: number) => {
    setActive(index);
    document.getElementById(optionId(index))?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const last = choices.length - 1;
    const next = { ArrowDown: current + 1, ArrowUp: current - 1 }[event.key];
    if (next !== undefined) move(Math.max(0, Math.min(last, next)));
    else if (event.key === "Enter") {
      const choice = choices[current];
      if (choice) onChoose(choice.team);
    } else return;
    event.preventDefault();
  };
  return (
    <div className={classes.list}>
      <TextInput
        size="sm"
        label="Team"
        placeholder={mayList ? "Search, or paste a team’s id" : "Paste a team’s id"}
        value={search}
        onChange={(event) => {
          setSearch(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
        leftSection={<IconSearch size={16} aria-hidden />}
        role="combobox"
        aria-expanded
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={choices.length > 0 ? optionId(current) : undefined}
        autoComplete="off"
        spellCheck={false}
        {...(props.autoFocus && { "data-autofocus": true, autoFocus: true })}
      />
      <div id={list} role="listbox" aria-label="Teams" className={classes.options}>
        {choices.map(({ team, title, note }, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the search field's
          <div
            key={team}
            id={optionId(index)}
            role="option"
            tabIndex={-1}
            aria-selected={team === chosen}
            data-active={index === current || undefined}
            className={classes.option}
            title={team === "all" ? undefined : team}
            onClick={() => onChoose(team)}
            onMouseMove={() => setActive(index)}
          >
            <span className={classes.title}>{title}</span>
            <span className={classes.note}>{note}</span>
          </div>
        ))}
      </div>
      {choices.length === 0 && !isLoading && !error && (
        <p className={classes.none} role="status">
          {mayList
            ? "No team’s id has this in it. The whole id of a team that has no entries yet can be pasted."
            : "A whole id is needed: team- and 36 characters."}
        </p>
      )}
      {isLoading && <Loader size="xs" aria-label="Reading the teams" />}
      {error && (
        <Alert variant="default" title={failureMessage(error).title}>
          <Button size="compact-xs" variant="default" onClick={readAgain}>
            Try again
          </Button>
        </Alert>
      )}
      {hasMore && !isLoading && search.trim() === "" && (
        <Button size="compact-sm" variant="subtle" onClick={readMore}>
          More teams
        </Button>
      )}
    </div>
  );
}

function choicesOf(logs: readonly Log[], search: string, isOneTeam: boolean): readonly Choice[] {
  const wanted = search.trim();
  const teams = logs
    .filter(({ teamId }) => isFound(teamId, wanted))
    .map((log) => ({ team: log.teamId, title: shortTeam(log.teamId), note: noteOf(log) }));
  if (isTeamId(wanted) && !teams.some(({ team }) => team === wanted)) {
    return [{ team: wanted, title: shortTeam(wanted), note: "as pasted" }];
  }
  const isAllFound = !isOneTeam && "all teams".includes(wanted.toLowerCase());
  const all = { team: "all", title: "All teams", note: "reading them is itself recorded" };
  return isAllFound ? [all, ...teams] : teams;
}

function noteOf({ size, lastRecordTime }: Log): string {
  const entries = size === 1n ? "1 entry" : `${size.toLocaleString("en")} entries`;
  if (!lastRecordTime) return entries;
  return `${entries}, last ${relativeTime(timestampMs(lastRecordTime), Date.now())}`;
}
