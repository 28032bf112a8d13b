import { Button, Checkbox, Group, Modal, Stack, Text } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { Plain } from "../text/plain.tsx";
import classes from "./keys.module.css";

/**
 * The secret of a new key. It cannot be shown again, so this is left in one way only: by saying that
 * it is stored. Neither Escape nor a click beside it closes it.
 */
export function NewSecret(props: { name: string; secret: string; onClose: () => void }) {
  const { name, secret, onClose } = props;
  const [isStored, setStored] = useState(false);
  const { copied, copy, error } = useClipboard();
  useEffect(() => {
    if (isStored) return;
    // Leaving the page would lose it too.
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isStored]);
  return (
    <Modal
      opened
      onClose={() => undefined}
      title="Store the key now"
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
    >
      <Stack>
        <Text size="sm">
          This is the secret of <Plain text={name} />. It is shown only now: put it where the
          program reads it from, or into a store for secrets.
        </Text>
        <code className={classes.secret} data-testid="secret">
          {secret}
        </code>
        <Button
          variant="default"
          onClick={() => copy(secret)}
          leftSection={
            copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />
          }
        >
          <span aria-live="polite">
            {error
              ? "Your browser refused: select it above"
              : copied
                ? "Copied"
                : "Copy the secret"}
          </span>
        </Button>
        <Checkbox
          label="I have stored it"
          checked={isStored}
          onChange={(event) => setStored(event.currentTarget.checked)}
        />
        <Group justify="end">
          <Button disabled={!isStored} onClick={onClose}>
            Done
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
