/** The page at `/keys`: a team's API keys. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { Button, Group, Text, Title } from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { type ApiKey, KeyService } from "../../../gen/audit/v1/key_service_pb.ts";
import type { TeamIdText } from "../../client/new-entry.ts";
import { ChooseTeam } from "../states/choose-team.tsx";
import { Failure } from "../states/failure.tsx";
import { Forbidden } from "../states/forbidden.tsx";
import { Loading } from "../states/loading.tsx";
import { NoticePage } from "../states/notice-page.tsx";
import { useChosenLog } from "../view/chosen-log.ts";
import { CreateKey } from "./create-key.tsx";
import { KeyTable } from "./key-table.tsx";
import classes from "./keys.module.css";
import { RevokeKey } from "./revoke-key.tsx";

/** Lists the keys of the chosen team, for those who manage them. */
export default function KeysPage() {
  const { teamId, isAllTeams, permissions, error } = useChosenLog();
  if (error) return <Failure error={error} />;
  if (!permissions) return <Loading what="Opening the API keys" />;
  if (!permissions.manageApiKeys) return <Forbidden what="manage API keys" />;
  if (isAllTeams || teamId === undefined) return <ChooseTeam what="API keys" />;
  // Nothing of one team's dialogs goes over to the next.
  return <Keys key={teamId} teamId={teamId} />;
}

function Keys({ teamId }: { teamId: TeamIdText }) {
  const [isCreating, setCreating] = useState(false);
  const [toRevoke, setToRevoke] = useState<ApiKey>();
  const query = useInfiniteQuery(
    KeyService.method.listApiKeys,
    { teamId, pageSize: 100, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      // Keys are made, used and revoked by others meanwhile.
      staleTime: 0,
    },
  );
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = query;
  const keys = data?.pages.flatMap(({ apiKeys }) => apiKeys);
  const readAgain = () => void refetch();
  return (
    <section className={classes.page}>
      <Group justify="space-between" align="start">
        <div>
          <Title order={1} size="h3">
            API keys
          </Title>
          <Text size="sm" c="var(--text-secondary)">
            Credentials for programs. Making and revoking one is recorded in the trail.
          </Text>
        </div>
        <Button
          size="sm"
          leftSection={<IconPlus size={16} aria-hidden />}
          onClick={() => setCreating(true)}
        >
          New key
        </Button>
      </Group>
      {error && <Failure error={error} onRetry={readAgain} />}
      {!keys && !error && <Loading what="Reading the keys" />}
      {keys?.length === 0 && (
        <NoticePage icon={<IconKey size={36} stroke={1.4} />} title="No API keys yet">
          A program needs one to record or to read. People sign in through your platform instead.
        </NoticePage>
      )}
      {keys && keys.length > 0 && <KeyTable keys={keys} onRevoke={setToRevoke} />}
      {hasNextPage && (
        <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Older keys
        </Button>
      )}
      {isCreating && (
        <CreateKey teamId={teamId} onCreated={readAgain} onClose={() => setCreating(false)} />
      )}
      {toRevoke && (
        <RevokeKey apiKey={toRevoke} onRevoked={readAgain} onClose={() => setToRevoke(undefined)} />
      )}
    </section>
  );
}
