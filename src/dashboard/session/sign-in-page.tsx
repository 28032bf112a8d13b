/** Signing in by hand. */
import { Alert, Button, Code, Paper, Stack, Text, Title } from "@mantine/core";
import { failureMessage } from "../states/failure-message.ts";
import { useSession } from "./session.tsx";
import { SignInForm } from "./sign-in-form.tsx";
import classes from "./sign-in-page.module.css";

/** Asks for a token or a key, and says where there is one. */
export function SignInPage() {
  return (
    <main className={classes.page}>
      <Paper withBorder className={classes.card ?? ""}>
        <Stack gap="lg">
          <div>
            <Title order={1} size="h2">
              Annals
            </Title>
            <Text c="var(--text-secondary)" mt={4}>
              Who did what, when, and whether it is still as it was recorded.
            </Text>
          </div>
          <Opened />
          <SignInForm label="Token or API key" button="Sign in" autoFocus />
          <WhereFrom />
        </Stack>
      </Paper>
      <Text size="xs" c="var(--text-secondary)" ta="center">
        It is kept in this tab only, until you sign out or close it.
      </Text>
    </main>
  );
}

/** What became of the link or the credential that the page was opened with. */
function Opened() {
  const { failure, isChecking, tryAgain } = useSession();
  if (!failure) return null;
  const { title, advice } = failureMessage(failure);
  return (
    <Alert variant="default" title={title} role="alert" className={classes.notice ?? ""}>
      <Stack gap="xs" align="start">
        <Text size="sm">{advice}</Text>
        {tryAgain && (
          <Button size="xs" variant="default" onClick={tryAgain} loading={isChecking}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

function WhereFrom() {
  return (
    <details className={classes.help ?? ""}>
      <summary>Where do I get one?</summary>
      <dl className={classes.places ?? ""}>
        <dt>You use a platform that records here</dt>
        <dd>Open the trail from there: its link signs you in.</dd>
        <dt>A program is to read</dt>
        <dd>An admin of your team makes an API key for it, here under API keys.</dd>
        <dt>You run this server to try it out</dt>
        <dd>
          <Code>npx annals dashboard</Code> prints a link that signs you in. The token itself is in{" "}
          <Code>data/dev-token</Code>.
        </dd>
      </dl>
    </details>
  );
}
