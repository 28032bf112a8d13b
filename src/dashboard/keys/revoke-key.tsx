/** The dialog in which an API key is revoked. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";
import type { ApiKey } from "../../../gen/audit/v1/key_service_pb.ts";
import { useSession } from "../session/session.tsx";
import { Failure } from "../states/failure.tsx";
import { Plain } from "../text/plain.tsx";
import { relativeTime } from "../time/format.ts";
import classes from "./keys.module.css";

/** What it needs. */
export interface RevokeKeyProps {
  readonly apiKey: ApiKey;
  /** The key is revoked. */
  readonly onRevoked: () => void;
  readonly onClose: () => void;
}

/** Says what will stop working, and revokes. */
export function RevokeKey({ apiKey, onRevoked, onClose }: RevokeKeyProps) {
  const { client } = useSession();
  const [isRevoking, setRevoking] = useState(false);
  const [failure, setFailure] = useState<Error>();
  const { id, teamId, name, secretHint, lastUseTime } = apiKey;
  const revoke = async () => {
    setRevoking(true);
    setFailure(undefined);
    try {
      await client.keys.revokeApiKey({ teamId, id });
      onRevoked();
      onClose();
    } catch (reason) {
      setFailure(reason instanceof Error ? reason : new Error(String(reason)));
    } finally {
      setRevoking(false);
    }
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title="Revoke this key?"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack>
        <Text size="sm">
          <strong>
            <Plain text={name} />
          </strong>{" "}
          (<Plain text={`${secretHint}…`} />) was{" "}
          {lastUseTime
            ? `last used ${relativeTime(timestampMs(lastUseTime), Date.now())}.`
            : "never used."}
        </Text>
        <ul className={classes.facts}>
          <li>Every program that uses it is refused within 30 seconds, and its streams end.</li>
          <li>What it has recorded stays in the trail.</li>
          <li>It cannot be undone. A new key can take its place.</li>
        </ul>
        {failure && <Failure error={failure} />}
        <Group justify="end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Keep it
          </Button>
          <Button color="red" loading={isRevoking} onClick={() => void revoke()}>
            Revoke the key
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
