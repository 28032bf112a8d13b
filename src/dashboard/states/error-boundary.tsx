import { Button, Code, CopyButton, Group, Stack, Text, Title } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { escapeUnsafe } from "../../client/plain-json.ts";
import { failureMessage } from "./failure-message.ts";
import { isMissingPart } from "./missing-part.ts";
import classes from "./states.module.css";

interface State {
  readonly error: Error | undefined;
}

/**
 * Catches a mistake of the page's own, or a part of it that is gone, so that it is said instead of a
 * blank page.
 */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(reason: unknown): State {
    return { error: reason instanceof Error ? reason : new Error(String(reason)) };
  }

  override render() {
    const { error } = this.state;
    return error === undefined ? this.props.children : <Apology error={error} />;
  }
}

const mistake = {
  title: "Sorry, this page has made a mistake",
  advice:
    "Nothing in the trail is lost or changed by it. Reloading brings you back to what you were looking at.",
};

function Apology({ error }: { error: Error }) {
  const isMistake = !isMissingPart(error);
  const { title, advice } = isMistake ? mistake : failureMessage(error);
  // Without the search: what somebody looks at is not for a report.
  const details = [
    `${error.name}: ${error.message}`,
    `on ${window.location.pathname}, ${new Date().toISOString()}`,
    window.navigator.userAgent,
    error.stack ?? "",
  ].join("\n");
  return (
    <section className={classes.page} role="alert">
      <Title order={2} size="h3">
        {title}
      </Title>
      <Text c="var(--text-secondary)">{advice}</Text>
      <Group>
        <Button onClick={() => window.location.reload()}>Reload</Button>
        {isMistake && (
          <Button variant="default" component="a" href="/">
            Open the plain trail
          </Button>
        )}
        <CopyButton value={details}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {copied ? "Copied" : "Copy the details"}
            </Button>
          )}
        </CopyButton>
      </Group>
      <Stack maw="100%" ta="start">
        <details className={classes.details}>
          <summary>Details</summary>
          <Code block className={classes.detailsText ?? ""}>
            {escapeUnsafe(details, "\n")}
          </Code>
        </details>
      </Stack>
    </section>
  );
}
