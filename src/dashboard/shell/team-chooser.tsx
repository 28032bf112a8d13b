import { Button, Popover } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconChevronDown, IconUsersGroup } from "@tabler/icons-react";
import { useState } from "react";
import { CallerType } from "../../../gen/audit/v1/access_service_pb.ts";
import { useSession } from "../session/session.tsx";
import { useChosenLog } from "../view/chosen-log.ts";
import { useView } from "../view/view.ts";
import classes from "./shell.module.css";
import { TeamList } from "./team-list.tsx";
import { shortTeam } from "./team-words.ts";

/** Whose trail is shown: to choose for those who are not of one team, to know for the others. */
export function TeamChooser() {
  const { caller } = useSession();
  const { teamId, isAllTeams } = useChosenLog();
  if (caller?.type === CallerType.PLATFORM_ADMIN || caller?.teamId === "") {
    return <Chooser chosen={isAllTeams ? "all" : teamId} />;
  }
  return teamId === undefined ? null : <TeamName teamId={teamId} />;
}

function Chooser({ chosen }: { chosen: string | undefined }) {
  const [, go] = useView();
  const [isOpen, setOpen] = useState(false);
  const name =
    chosen === undefined ? "Choose a team" : chosen === "all" ? "All teams" : shortTeam(chosen);
  return (
    <Popover
      opened={isOpen}
      onChange={setOpen}
      position="bottom-start"
      width="min(24rem, 92vw)"
      shadow="md"
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button
          variant="default"
          size="xs"
          className={classes.team ?? ""}
          leftSection={<IconUsersGroup size={16} aria-hidden />}
          rightSection={<IconChevronDown size={14} aria-hidden />}
          onClick={() => setOpen(!isOpen)}
          aria-label={`Team: ${name}`}
        >
          {name}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Choose a team">
        <TeamList
          chosen={chosen}
          autoFocus
          onChoose={(team) => {
            setOpen(false);
            // An entry is one team's.
            go({ team, entry: undefined, entryTeam: undefined });
          }}
        />
      </Popover.Dropdown>
    </Popover>
  );
}

function TeamName({ teamId }: { teamId: string }) {
  const { copied, copy } = useClipboard();
  return (
    <button
      type="button"
      className={classes.teamName}
      title={teamId}
      onClick={() => copy(teamId)}
      aria-label={`${shortTeam(teamId)}: copy the team’s id`}
    >
      {copied ? "Copied" : shortTeam(teamId)}
    </button>
  );
}
