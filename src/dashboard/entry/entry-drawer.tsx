/** The entry that is open, beside the trail. */
import { CloseButton, Title } from "@mantine/core";
import { lazy, Suspense, useEffect, useLayoutEffect, useRef } from "react";
import type { EntryIdText } from "../../client/new-entry.ts";
import { parseEntryId } from "../../ids.ts";
import { ErrorBoundary } from "../states/error-boundary.tsx";
import { Loading } from "../states/loading.tsx";
import type { TrailQuery } from "../trail/trail-query.ts";
import { isTeamId } from "../view/team-id.ts";
import { useView } from "../view/view.ts";
import classes from "./entry-drawer.module.css";

const EntryContent = lazy(() => import("./entry-content.tsx"));

/**
 * Shows the entry that the view names, whether or not the trail has its row. It is not modal: the
 * trail's keys go on working, and what they choose is shown.
 */
export function EntryDrawer({ query }: { query: TrailQuery }) {
  const [{ entry, entryTeam }] = useView();
  if (entry === undefined) return null;
  return <Panel id={entry} team={entryTeam ?? query.teamId} />;
}

function Panel({ id, team }: { id: string; team: string | undefined }) {
  const [, go] = useView();
  const panel = useRef<HTMLElement>(null);
  const title = useRef<HTMLHeadingElement>(null);
  const close = useRef(() => {});
  close.current = () => go({ entry: undefined, entryTeam: undefined });

  useLayoutEffect(() => {
    const before = document.activeElement;
    const own = panel.current;
    const isPointed = before instanceof HTMLElement && !before.matches(":focus-visible, body");
    // Who opens it by pointing goes on where they are.
    if (!isPointed) title.current?.focus({ preventScroll: true });
    return () => {
      if (own?.contains(document.activeElement) !== true) return;
      // What had the focus may be gone, or nothing had it, where a link opened the entry.
      const isThere = before instanceof HTMLElement && before.isConnected;
      const place = isThere && before !== document.body ? before : findTable();
      place?.focus({ preventScroll: true });
    };
  }, []);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      // Menus, dialogs and fields outside have an Escape of their own.
      const target = event.target instanceof Element ? event.target : undefined;
      const isInside = target !== undefined && panel.current?.contains(target) === true;
      if (!isInside && target?.closest("input, textarea, [role=dialog], [role=menu]")) return;
      event.preventDefault();
      close.current();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const isEntryId = (text: string): text is EntryIdText => parseEntryId(text) !== undefined;
  return (
    <aside ref={panel} className={classes.panel} aria-labelledby="entry-title">
      <header className={classes.header}>
        <Title order={2} size="h4" id="entry-title" ref={title} tabIndex={-1}>
          Entry
        </Title>
        <CloseButton aria-label="Close the entry" onClick={() => close.current()} />
      </header>
      <div className={classes.body}>
        {isEntryId(id) && team !== undefined && isTeamId(team) ? (
          <ErrorBoundary key={`${team}/${id}`}>
            <Suspense fallback={<Loading what="Opening the entry" />}>
              <EntryContent teamId={team} id={id} />
            </Suspense>
          </ErrorBoundary>
        ) : (
          <p role="alert">The address does not name an entry: it may be cut short.</p>
        )}
      </div>
    </aside>
  );
}

function findTable(): HTMLElement | null {
  return document.querySelector<HTMLElement>("main [role=grid]");
}
