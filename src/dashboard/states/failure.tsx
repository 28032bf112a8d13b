import { ConnectError } from "@connectrpc/connect";
import { Alert, Button, Code, CopyButton, Group, Stack, Text } from "@mantine/core";
import { Link } from "wouter";
import { reasonOf } from "../../client/error-reason.ts";
import { escapeUnsafe } from "../../client/plain-json.ts";
import { failureMessage, requestIdOf } from "./failure-message.ts";
import classes from "./states.module.css";

/** What failed, and how to try again. */
export interface FailureProps {
  readonly error: Error;
  /** Tries again; without it there is no button. */
  readonly onRetry?: (() => void) | undefined;
}

/** Something could not be read or done: in words, with what an operator needs to look it up. */
export function Failure({ error, onRetry }: FailureProps) {
  const { title, advice, mayPass } = failureMessage(error);
  const requestId = requestIdOf(error);
  return (
    <Alert
      variant="default"
      data-passes={mayPass || undefined}
      title={title}
      role="alert"
      className={classes.notice ?? ""}
    >
      <Stack gap="xs" align="start">
        <Text size="sm">{advice}</Text>
        {reasonOf(error) === "TEAM_NOT_ALLOWED" && (
          <Button size="xs" variant="default" component={Link} href="/">
            Open your own trail
          </Button>
        )}
        {onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
        <details className={classes.details}>
          <summary>Details</summary>
          <Code block className={classes.detailsText ?? ""}>
            {escapeUnsafe(detailsOf(error), "\n")}
          </Code>
          {requestId !== undefined && (
            <Group gap="xs" mt="xs">
              <Text size="xs">Request id</Text>
              <Code>{escapeUnsafe(requestId)}</Code>
              <CopyButton value={requestId}>
                {({ copied, copy }) => (
                  <Button size="compact-xs" variant="default" onClick={copy}>
                    {copied ? "Copied" : "Copy"}
                  </Button>
                )}
              </CopyButton>
            </Group>
          )}
        </details>
      </Stack>
    </Alert>
  );
}

/** What the server said, with the fields at fault. */
function detailsOf(error: Error): string {
  return error instanceof ConnectError ? error.message : `${error.name}: ${error.message}`;
}
