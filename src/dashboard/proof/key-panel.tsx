/** The key that signs the log, why it is trusted, and how a reader says that it is the right one. */
import { Anchor, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { IconCircleCheck, IconCircleX } from "@tabler/icons-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { Plain } from "../text/plain.tsx";
import { absoluteTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import type { CheckedLog } from "./check-log.ts";
import { keepTrust, keyMistake, noTrust, withGivenKey } from "./key-trust.ts";
import { pageStorage } from "./page-storage.ts";
import classes from "./proof.module.css";

/** Shows and changes which keys are trusted; `onChange` asks for a new check. */
export function KeyPanel({ log, onChange }: { log: CheckedLog; onChange: () => void }) {
  const { trust, serverKey } = log;
  const [pasted, setPasted] = useState("");
  const [mistake, setMistake] = useState<string>();
  const [zone] = useZone();
  const isGiven = trust.given.includes(serverKey);
  const give = (event: FormEvent) => {
    event.preventDefault();
    const key = pasted.trim();
    const found = keyMistake(key);
    setMistake(found);
    if (found !== undefined) return;
    keepTrust(pageStorage(), withGivenKey(trust, key, serverKey));
    setPasted("");
    onChange();
  };
  const forget = () => {
    keepTrust(pageStorage(), { ...noTrust, firstSeen: trust.firstSeen });
    onChange();
  };
  return (
    <Stack gap="sm">
      <Text size="sm">The server says that it signs with</Text>
      <code className={classes.code}>
        <Plain text={serverKey} />
      </code>
      {trust.given.length > 0 ? (
        <Verdict isGood={isGiven}>
          {isGiven
            ? "It is the key that you were given."
            : "It is not the key that you were given. Believe nothing that it signs until those who run this server have told you, by another way than this page, that they changed it."}
        </Verdict>
      ) : (
        <FirstUse log={log} time={(ms) => absoluteTime(ms, zone)} />
      )}
      {trust.given.map((key) => (
        <Text key={key} size="sm">
          You were given{" "}
          <code className={classes.code}>
            <Plain text={key} />
          </code>
        </Text>
      ))}
      <form onSubmit={give}>
        <Group align="flex-end" gap="xs">
          <TextInput
            className={classes.keyInput ?? ""}
            label="The key that you were given by another way"
            description="From a contract, a web page or a call: not from this server."
            placeholder="name+1a2b3c4d+…"
            value={pasted}
            onChange={(event) => setPasted(event.currentTarget.value)}
            error={mistake}
            spellCheck={false}
            autoComplete="off"
          />
          <Button type="submit" variant="default" disabled={pasted.trim() === ""}>
            Is it this one?
          </Button>
        </Group>
      </form>
      {trust.given.length > 0 && (
        <Anchor component="button" type="button" size="sm" onClick={forget} w="fit-content">
          Forget the keys that I was given
        </Anchor>
      )}
    </Stack>
  );
}

function FirstUse({ log, time }: { log: CheckedLog; time: (ms: number) => string }) {
  const { firstSeen } = log.trust;
  if (firstSeen === undefined) return null;
  if (firstSeen.key !== log.serverKey) {
    return (
      <Verdict isGood={false}>
        It was another key when this browser first saw this server, on {time(firstSeen.atMs)}:{" "}
        <code className={classes.code}>
          <Plain text={firstSeen.key} />
        </code>
        . If those who run this server tell you, by another way than this page, that they changed
        it, paste the new one here.
      </Verdict>
    );
  }
  return (
    <Text size="sm" c="var(--text-secondary)">
      It has been the same since this browser first saw this server, on {time(firstSeen.atMs)}.
      Nobody else has confirmed it: to be sure, paste the key that you were given.
    </Text>
  );
}

function Verdict({ isGood, children }: { isGood: boolean; children: ReactNode }) {
  const Icon = isGood ? IconCircleCheck : IconCircleX;
  return (
    <div
      className={`${classes.verdict} ${isGood ? classes.passed : classes.failed}`}
      role={isGood ? "status" : "alert"}
    >
      <Icon aria-hidden size={21} />
      <Text size="sm" c="var(--mantine-color-text)" component="div">
        {children}
      </Text>
    </div>
  );
}
