/** The keys of the table. */
import type { Virtualizer } from "@tanstack/react-virtual";
import { lazy, type RefObject, Suspense, useCallback, useState } from "react";
import { focusValues } from "../filter/filter-value.tsx";
import { useView } from "../view/view.ts";
import { type KeyAction, useKeyboard } from "./keyboard.ts";
import type { TrailRow } from "./trail-row.ts";
import { type ActiveRow, rowElementId } from "./use-active-row.ts";

const KeyboardHelp = lazy(() => import("./keyboard-help.tsx"));

/** What the keys work on. */
export interface TableKeysProps {
  readonly rows: readonly TrailRow[];
  readonly active: ActiveRow;
  readonly virtualizer: Virtualizer<HTMLTableElement, Element>;
  readonly scroller: RefObject<HTMLElement | null>;
  readonly rowHeight: number;
  /** Goes to the top, and lets in what waits there. */
  readonly toTop: () => void;
}

/** Listens, and shows the help when it is asked for. */
export function TableKeys(props: TableKeysProps) {
  const { rows, active, virtualizer, scroller, rowHeight, toTop } = props;
  const [{ isLive }, go] = useView();
  const [isHelpOpen, setHelpOpen] = useState(false);
  const act = useCallback(
    (action: KeyAction) => {
      const move = (to: number) => {
        const index = Math.max(0, Math.min(rows.length - 1, to));
        active.activate(index);
        // The active row is said aloud only while its table has the focus.
        if (document.activeElement === document.body) {
          scroller.current?.focus({ preventScroll: true });
        }
        virtualizer.scrollToIndex(index, { align: "auto" });
      };
      const step = (by: number) => {
        const firstInSight = Math.ceil((scroller.current?.scrollTop ?? 0) / rowHeight);
        move(active.index < 0 ? firstInSight : active.index + by);
      };
      const row = rows[active.index];
      switch (action) {
        case "next":
          return step(1);
        case "previous":
          return step(-1);
        case "first":
          toTop();
          return active.activate(0);
        case "last":
          return move(rows.length - 1);
        case "open":
          return row && active.open(row);
        case "values": {
          const element = row && document.getElementById(rowElementId(row));
          if (element) focusValues(element);
          return;
        }
        case "close":
          // The drawer and the help close themselves.
          return active.clear();
        case "search":
          return document.getElementById("query-line")?.focus();
        case "help":
          return setHelpOpen(true);
        case "live":
          return go({ isLive: !isLive, at: undefined });
      }
    },
    [rows, active, virtualizer, scroller, rowHeight, toTop, go, isLive],
  );
  useKeyboard(act);
  return (
    <Suspense fallback={null}>
      {isHelpOpen && <KeyboardHelp onClose={() => setHelpOpen(false)} />}
    </Suspense>
  );
}
