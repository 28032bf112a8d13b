/** The page: who is signed in, what is chosen, and what shows it. */
import { MantineProvider } from "@mantine/core";
import "@mantine/core/styles/baseline.layer.css";
import "@mantine/core/styles/default-css-variables.layer.css";
import "@mantine/core/styles/global.layer.css";
import "./mantine.css";
import "./theme.css";
import { lazy, Suspense } from "react";
import { Route, Switch, useLocation } from "wouter";
import type { HandOver } from "./session/hand-over.ts";
import { SessionProvider, useSession } from "./session/session.tsx";
import { SignInPage } from "./session/sign-in-page.tsx";
import { Shell } from "./shell/shell.tsx";
import { ErrorBoundary } from "./states/error-boundary.tsx";
import { Loading } from "./states/loading.tsx";
import { NotFound } from "./states/not-found.tsx";
import { theme } from "./theme.ts";
import { TrailPage } from "./trail/trail-page.tsx";

const LogPage = lazy(() => import("./proof/log-page.tsx"));
const KeysPage = lazy(() => import("./keys/keys-page.tsx"));

/** The whole page. */
export function App({ handOver }: { handOver: HandOver | undefined }) {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      // Both would be style elements, which the content security policy refuses.
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <ErrorBoundary>
        <SessionProvider handOver={handOver}>
          <Pages />
        </SessionProvider>
      </ErrorBoundary>
    </MantineProvider>
  );
}

function Pages() {
  const { caller, isOpening } = useSession();
  const [path] = useLocation();
  if (caller === undefined) return isOpening ? <Loading what="Signing in" /> : <SignInPage />;
  return (
    <Shell>
      {/* What one page cannot show does not stand in the way of the others. */}
      <ErrorBoundary key={path}>
        <Suspense fallback={<Loading what="Opening the page" />}>
          <Switch>
            <Route path="/" component={TrailPage} />
            <Route path="/log" component={LogPage} />
            <Route path="/keys" component={KeysPage} />
            <Route component={NotFound} />
          </Switch>
        </Suspense>
      </ErrorBoundary>
    </Shell>
  );
}
