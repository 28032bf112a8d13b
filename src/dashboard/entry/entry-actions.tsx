/** What can be taken of an entry. */
import { Button, Group } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy, IconDownload, IconLink } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { EntryJson } from "../../client/entry-json.ts";
import { plainJson } from "../../client/plain-json.ts";
import { saveFile } from "../proof/save-file.ts";
import { formatView, plainView } from "../view/view.ts";

/** Copies and downloads. */
export function EntryActions({ entry }: { entry: EntryJson }) {
  const json = () => `${plainJson(entry, 2)}\n`;
  return (
    <Group gap="xs">
      <Copy name="Copy link" icon={<IconLink size={15} />} text={() => linkTo(entry, location)} />
      <Copy name="Copy id" icon={<IconCopy size={15} />} text={() => entry.id} />
      <Copy name="Copy JSON" icon={<IconCopy size={15} />} text={json} />
      <Button
        size="xs"
        variant="default"
        leftSection={<IconDownload size={15} aria-hidden />}
        onClick={() => saveFile(`${entry.id}.json`, json(), "application/json")}
      >
        Download JSON
      </Button>
    </Group>
  );
}

/** The address of an entry, for anyone who may read it: of the entry and its team, and no more. */
export function linkTo(
  { id, teamId }: Pick<EntryJson, "id" | "teamId">,
  { origin, pathname }: Pick<Location, "origin" | "pathname">,
): string {
  return `${origin}${pathname}?${formatView({ ...plainView, team: teamId, entry: id })}`;
}

function Copy({ name, icon, text }: { name: string; icon: ReactNode; text: () => string }) {
  const { copy, copied, error } = useClipboard({ timeout: 2_000 });
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<span aria-hidden>{copied ? <IconCheck size={15} /> : icon}</span>}
      onClick={() => copy(text())}
    >
      <span aria-live="polite">{error ? "Your browser refused" : copied ? "Copied" : name}</span>
    </Button>
  );
}
