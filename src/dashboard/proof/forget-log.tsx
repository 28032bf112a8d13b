/** The way on after a log was set back by those who run it, and they said so. */
import { Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import type { VerifiedCheckpoint } from "../../client/verify/checkpoint.ts";
import { forgetLog } from "./check-log.ts";
import { pageAlarms } from "./page-alarms.ts";
import { pageStorage } from "./page-storage.ts";

/** Asks, and asks again, before what this browser saw of a log is given up. */
export function ForgetLog(props: { claimed: VerifiedCheckpoint; onForgotten: () => void }) {
  const [isSure, setSure] = useState(false);
  const forget = () => {
    forgetLog({ storage: pageStorage(), alarms: pageAlarms() }, props.claimed);
    props.onForgotten();
  };
  return (
    <>
      <Text size="sm">
        Those who run the server restored an older backup, and told you by another way than this
        page? Then the log can be taken as it is now. Keep both checkpoints first.
      </Text>
      <Group gap="xs">
        {isSure ? (
          <>
            <Button size="xs" color="red" onClick={forget}>
              Yes, forget what it was
            </Button>
            <Button size="xs" variant="default" onClick={() => setSure(false)}>
              No
            </Button>
          </>
        ) : (
          <Button size="xs" variant="default" onClick={() => setSure(true)}>
            Take it as it is now…
          </Button>
        )}
      </Group>
    </>
  );
}
