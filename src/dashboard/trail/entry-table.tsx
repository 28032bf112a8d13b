/** The entries, as a grid of which only what is in sight exists. */
import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useRef, useSyncExternalStore } from "react";
import { NewEntriesPill } from "../live/new-entries-pill.tsx";
import { Failure } from "../states/failure.tsx";
import { useTimeStyle } from "../time/moment.tsx";
import { useZone } from "../time/zone.tsx";
import { useView } from "../view/view.ts";
import { EntryRow } from "./entry-row.tsx";
import classes from "./entry-table.module.css";
import { NoRows } from "./no-rows.tsx";
import { TableEnd } from "./table-end.tsx";
import { TableHead } from "./table-head.tsx";
import { TableKeys } from "./table-keys.tsx";
import type { TrailQuery } from "./trail-query.ts";
import { recordMs } from "./trail-row.ts";
import { rowElementId, useActiveRow } from "./use-active-row.ts";
import { useTop } from "./use-top.ts";
import type { Trail } from "./use-trail.ts";

/** Heights in pixels, as in entry-table.module.css. */
const rowHeights = { wide: 36, narrow: 62 };
const headHeight = 34;
/** How near to an end, in rows, one must be for more to be read. */
const readAhead = 60;
/** Rows beyond what is in sight; few while one follows, where each arrival makes all of them anew. */
const overscan = { reading: 8, following: 2 };

/** The table of a trail. */
export function EntryTable({ trail, query }: { trail: Trail; query: TrailQuery }) {
  const { store, live } = trail;
  const shown = useSyncExternalStore(store.subscribe, store.getRows);
  const { rows, older, newer } = shown;
  const [{ at, isLive }, go] = useView();
  const toTeam = useCallback((team: string) => go({ team }), [go]);
  const [timeStyle] = useTimeStyle();
  const [zone] = useZone();
  const isNarrow = useMediaQuery("(max-width: 40em)", false, { getInitialValueInEffect: false });
  const rowHeight = isNarrow ? rowHeights.narrow : rowHeights.wide;
  const showsTeam = query.allTeams;

  const scroller = useRef<HTMLTableElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const isFollowing = useRef(false);
  const isAtTop = useRef(true);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => {
      const row = rows[index];
      return row?.key ?? index;
    },
    overscan:
      isFollowing.current && isAtTop.current && isLive ? overscan.following : overscan.reading,
    // The sticky headings take this from what is in sight.
    scrollPaddingEnd: isNarrow ? 0 : headHeight,
    // "end" keeps the row that one reads where it is, whatever comes above it.
    anchorTo: isFollowing.current && isAtTop.current ? "start" : "end",
  });
  useLayoutEffect(() => {
    isFollowing.current = newer.kind === "end";
  }, [newer]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows of another height are measured anew
  useLayoutEffect(() => virtualizer.measure(), [rowHeight]);
  const toTop = useTop({ scroller, body, virtualizer, shown, rowHeight, live, isAtTop });

  const items = virtualizer.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  const hasRows = rows.length > 0;
  useEffect(() => {
    if (!hasRows) return;
    if (older.kind === "more" && last >= rows.length - readAhead) void store.read("older");
    if (newer.kind === "more" && first < readAhead) void store.read("newer");
  }, [store, older, newer, first, last, rows.length, hasRows]);

  const active = useActiveRow(rows, showsTeam);
  const activeRow = rows[active.index];
  // A row far from sight does not exist as an element.
  const isActiveThere = activeRow && items.some(({ index }) => index === active.index);
  const atIndex = at === undefined ? -1 : rows.findIndex((row) => recordMs(row) <= at);
  const columns = showsTeam ? 7 : 6;
  const isEmpty = !hasRows && older.kind === "end" && newer.kind === "end";
  return (
    <div className={classes.frame}>
      <table
        ref={scroller}
        // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: its rows are moved among by keys
        role="grid"
        aria-label="Entries, newest first"
        aria-rowcount={-1}
        aria-colcount={columns}
        aria-busy={!hasRows && older.kind === "loading"}
        aria-activedescendant={isActiveThere ? rowElementId(activeRow) : undefined}
        tabIndex={0}
        className={classes.scroller}
        data-time={timeStyle}
        data-teams={showsTeam || undefined}
      >
        {!isEmpty && <TableHead showsTeam={showsTeam} />}
        <tbody ref={body} className={classes.body} style={{ height: virtualizer.getTotalSize() }}>
          {items.map(({ key, index, start }) => {
            const row = rows[index];
            return (
              row && (
                <EntryRow
                  key={key}
                  {...{ row, index, timeStyle, zone, showsTeam }}
                  top={start}
                  id={rowElementId(row)}
                  isActive={index === active.index}
                  isOpen={active.isOpen(row)}
                  isAt={index === atIndex}
                  onOpen={active.open}
                  onTeam={toTeam}
                />
              )
            );
          })}
        </tbody>
        <TableEnd
          status={older}
          columns={columns}
          hasRows={hasRows}
          isWholeLog={Object.keys(query.filter).length === 0}
          onMore={() => void store.read("older")}
        />
      </table>
      {isEmpty && (
        <div className={classes.empty}>
          <NoRows store={store} />
        </div>
      )}
      {(newer.kind === "failed" || newer.kind === "searched") && (
        <div className={classes.newer}>
          {newer.kind === "failed" ? (
            <Failure error={newer.error} onRetry={() => void store.read("newer")} />
          ) : (
            <button type="button" onClick={() => void store.read("newer")}>
              Keep searching for newer entries
            </button>
          )}
        </div>
      )}
      <NewEntriesPill live={live} onShow={toTop} />
      <TableKeys {...{ rows, active, virtualizer, scroller, rowHeight, toTop }} />
    </div>
  );
}
