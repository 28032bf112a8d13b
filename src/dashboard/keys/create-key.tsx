/** The dialog in which an API key is made. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Button, Checkbox, Modal, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { ApiKeyGrant } from "../../../gen/audit/v1/key_service_pb.ts";
import type { TeamIdText } from "../../client/new-entry.ts";
import { grantWords } from "../session/caller-words.ts";
import { useSession } from "../session/session.tsx";
import { SignInForm } from "../session/sign-in-form.tsx";
import { Failure } from "../states/failure.tsx";
import { type ExpiryChoice, expiryChoices, expiryMs } from "./expiry-choice.ts";
import { fieldErrors } from "./field-errors.ts";
import { NewSecret } from "./new-secret.tsx";

/** What it needs. */
export interface CreateKeyProps {
  readonly teamId: TeamIdText;
  /** The key is there. */
  readonly onCreated: () => void;
  readonly onClose: () => void;
}

/**
 * Asks what the key is for, makes it, and shows its secret once. The secret is in the state of this
 * dialog only and goes with it: it is called for directly, so that no cache keeps the answer.
 */
export function CreateKey({ teamId, onCreated, onClose }: CreateKeyProps) {
  const { client, isEnded, failure: refusal } = useSession();
  const [name, setName] = useState("");
  const [grants, setGrants] = useState<readonly ApiKeyGrant[]>([]);
  const [expiry, setExpiry] = useState<ExpiryChoice>("90");
  const [day, setDay] = useState("");
  const [made, setMade] = useState<{ name: string; secret: string }>();
  const [isMaking, setMaking] = useState(false);
  const [failure, setFailure] = useState<Error>();
  const [mistakes, setMistakes] = useState<ReadonlyMap<string, string>>(new Map());

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const expires = expiryMs(expiry, day, Date.now());
    const missing = new Map<string, string>();
    if (name.trim() === "") missing.set("name", "Say what the key is for.");
    if (expires === undefined) missing.set("expire_time", "Choose a day that is still to come.");
    setMistakes(missing);
    setFailure(undefined);
    if (missing.size > 0 || expires === undefined) return;
    setMaking(true);
    try {
      const { secret } = await client.keys.createApiKey({
        teamId,
        name: name.trim(),
        grants: [...grants],
        ...(expires !== "never" && { expireTime: timestampFromMs(expires) }),
      });
      setMade({ name: name.trim(), secret });
      onCreated();
    } catch (reason) {
      const blamed = fieldErrors(reason);
      setMistakes(blamed);
      const isShown = ["name", "grants", "expire_time"].some((field) => blamed.has(field));
      if (!isShown) setFailure(reason instanceof Error ? reason : new Error(String(reason)));
    } finally {
      setMaking(false);
    }
  };

  if (made) return <NewSecret {...made} onClose={onClose} />;
  return (
    <Modal
      opened
      onClose={onClose}
      title="New API key"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <form onSubmit={submit} noValidate>
        <Stack>
          <TextInput
            label="Name"
            description="Which program uses it, and where. Shown in the trail."
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={mistakes.get("name")}
            autoComplete="off"
            data-autofocus
          />
          <Checkbox.Group
            label="It may"
            description="Besides recording what it does itself, which every key may."
            value={grants.map(String)}
            onChange={(values) =>
              setGrants(
                grantWords.flatMap(({ grant }) => (values.includes(String(grant)) ? [grant] : [])),
              )
            }
            error={mistakes.get("grants")}
          >
            <Stack gap="xs" mt="xs">
              {grantWords.map(({ grant, name: words, meaning }) => (
                <Checkbox key={grant} value={String(grant)} label={words} description={meaning} />
              ))}
            </Stack>
          </Checkbox.Group>
          <NativeSelect
            label="It stops working"
            value={expiry}
            onChange={(event) => setExpiry(event.currentTarget.value as ExpiryChoice)}
            data={[...expiryChoices]}
            error={expiry === "date" ? undefined : mistakes.get("expire_time")}
          />
          {expiry === "date" && (
            <TextInput
              type="date"
              label="Last day"
              value={day}
              onChange={(event) => setDay(event.currentTarget.value)}
              error={mistakes.get("expire_time")}
            />
          )}
          {expiry === "never" && (
            <Text size="sm" c="var(--status-warning)">
              A key that never ends is good for whoever finds it, for ever. Prefer an end, and make
              a new key before it.
            </Text>
          )}
          {failure && <Failure error={failure} />}
          <Button type="submit" loading={isMaking}>
            Make the key
          </Button>
        </Stack>
      </form>
      {isEnded && (
        <Stack mt="md">
          <Text size="sm">Your access ended. What you filled in stays here.</Text>
          {refusal && <Failure error={refusal} />}
          <SignInForm label="A fresh token or key" button="Sign in again" />
        </Stack>
      )}
    </Modal>
  );
}
