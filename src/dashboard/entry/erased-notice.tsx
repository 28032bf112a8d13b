/** What there is to say of details that are gone. */
import { Alert, Anchor, Text } from "@mantine/core";
import { IconEraser } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { EntryJson } from "../../client/entry-json.ts";
import { useSession } from "../session/session.tsx";
import { Plain } from "../text/plain.tsx";
import { absoluteTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import { useView } from "../view/view.ts";
import { actorLabel } from "./entry-words.ts";
import { findErasure } from "./find-erasure.ts";

/** Says that an entry's details were erased, by whom if that is found, and why it still verifies. */
export function ErasedNotice({ entry }: { entry: EntryJson }) {
  const { client } = useSession();
  const [zone] = useZone();
  const [, go] = useView();
  const { data, isPending } = useQuery({
    queryKey: ["erasure", entry.teamId, entry.id],
    queryFn: async ({ signal }) => (await findErasure(client, entry, signal)) ?? null,
  });
  return (
    <Alert
      color="gray"
      variant="light"
      icon={<IconEraser aria-hidden />}
      title="The details of this entry were erased"
    >
      <Text size="sm">
        Names, metadata and the request are gone for good. What happened, when and by whose id
        stays, and can be verified: the log was signed with a fingerprint in place of the details,
        which stays too.
      </Text>
      <Text size="sm" mt="xs" role="status">
        {isPending ? (
          "Looking for the entry that says who erased them…"
        ) : data ? (
          <>
            Erased by <Plain text={actorLabel(data)} /> at{" "}
            {absoluteTime(Date.parse(data.recordTime), zone)}:{" "}
            <Anchor
              component="button"
              type="button"
              size="sm"
              onClick={() => go({ entry: data.id, entryTeam: data.teamId })}
            >
              open that entry
            </Anchor>
          </>
        ) : (
          "The entry that says who erased them was not found. Verify the whole log on the proof page: it fails if there is none."
        )}
      </Text>
    </Alert>
  );
}
