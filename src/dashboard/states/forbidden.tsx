import { Button, Code } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import { Link } from "wouter";
import { escapeUnsafe } from "../../client/plain-json.ts";
import { roleWords } from "../session/caller-words.ts";
import { useSession } from "../session/session.tsx";
import { NoticePage } from "./notice-page.tsx";

/** The reader may not do something. Example of `what`: `read this trail` */
export function Forbidden({ what }: { what: string }) {
  const { caller, signOut } = useSession();
  return (
    <NoticePage
      icon={<IconLock size={36} stroke={1.4} />}
      title={`You may not ${what}`}
      actions={
        <Button.Group>
          <Button variant="default" component={Link} href="/">
            Open your own trail
          </Button>
          <Button variant="default" onClick={signOut}>
            Sign in as somebody else
          </Button>
        </Button.Group>
      }
    >
      {caller && (
        <p>
          You are signed in as <Code>{escapeUnsafe(caller.name || caller.id)}</Code>,{" "}
          {roleWords(caller)}. Whoever manages access on your platform, or an admin of the team, can
          give you more.
        </p>
      )}
    </NoticePage>
  );
}
