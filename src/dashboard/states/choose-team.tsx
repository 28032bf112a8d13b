import { IconUsersGroup } from "@tabler/icons-react";
import { TeamList } from "../shell/team-list.tsx";
import { useView } from "../view/view.ts";
import { NoticePage } from "./notice-page.tsx";

/** For those who may read every team's trail and have none of their own. */
export function ChooseTeam() {
  const [, go] = useView();
  return (
    <NoticePage icon={<IconUsersGroup size={36} stroke={1.4} />} title="Whose trail?">
      <p>Your sign-in is for all teams. Choose the one to look at.</p>
      <TeamList chosen={undefined} onChoose={(team) => go({ team })} autoFocus />
    </NoticePage>
  );
}
