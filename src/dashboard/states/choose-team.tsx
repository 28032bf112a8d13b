import { IconUsersGroup } from "@tabler/icons-react";
import { TeamList } from "../shell/team-list.tsx";
import { useChosenLog } from "../view/chosen-log.ts";
import { useView } from "../view/view.ts";
import { NoticePage } from "./notice-page.tsx";

/** For those who have no team of their own, where one has to be chosen. */
export function ChooseTeam({ what = "trail" }: { what?: "trail" | "log" | "API keys" }) {
  const [, go] = useView();
  const { permissions } = useChosenLog();
  return (
    <NoticePage icon={<IconUsersGroup size={36} stroke={1.4} />} title={`Whose ${what}?`}>
      <p>
        {permissions?.readAllTeams
          ? "Your sign-in is for all teams. Choose the one to look at."
          : "Your sign-in belongs to no team. Give the one to look at."}
      </p>
      <TeamList
        chosen={undefined}
        isOneTeam={what !== "trail"}
        onChoose={(team) => go({ team })}
        autoFocus
      />
    </NoticePage>
  );
}
