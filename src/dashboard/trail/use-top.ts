/** The table's top: new rows come in there if one is at it, and otherwise nothing moves. */
import type { Virtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef } from "react";
import type { LiveTrail } from "../live/live-trail.ts";
import type { TrailRows } from "./trail-store.ts";

/** What moves. */
export interface TopOptions {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly body: RefObject<HTMLElement | null>;
  readonly virtualizer: Virtualizer<HTMLTableElement, Element>;
  readonly shown: TrailRows;
  readonly rowHeight: number;
  readonly live: LiveTrail;
  /** Kept here: whether the table is at its top. Asking the element would lay the page out each time. */
  readonly isAtTop: RefObject<boolean>;
}

/** Rows that slide in; more at once would be a blur. */
const mostSliding = 6;
const slideMs = 180;
/** Pixels from the top that still are the top. */
const tolerance = 4;

/** Tells the live view whether the top is in sight. Answers with the way there. */
export function useTop(options: TopOptions): () => void {
  const { scroller, body, virtualizer, shown, rowHeight, live, isAtTop } = options;
  const isJoined = shown.newer.kind === "end";
  const before = useRef(shown);

  useEffect(() => {
    const element = scroller.current;
    const tell = () => {
      isAtTop.current = (element?.scrollTop ?? 0) < tolerance;
      live.setAtTop(isJoined && isAtTop.current);
    };
    tell();
    element?.addEventListener("scroll", tell, { passive: true });
    return () => element?.removeEventListener("scroll", tell);
  }, [scroller, live, isJoined, isAtTop]);

  useLayoutEffect(() => {
    const { generation, onTop, newer, rows } = before.current;
    before.current = shown;
    if (shown.generation !== generation) virtualizer.scrollToOffset(0);
    // Nothing is as old as the time that was jumped to: what came after it begins below.
    else if (newer.kind !== "end" && rows.length === 0 && shown.onTop > onTop) {
      virtualizer.scrollToIndex(shown.rows.length - 1, { align: "end" });
    } else if (newer.kind === "end" && isAtTop.current) {
      slideIn(body.current, (shown.onTop - onTop) * rowHeight, mostSliding * rowHeight);
    }
  }, [shown, virtualizer, body, rowHeight, isAtTop]);

  return useCallback(() => {
    virtualizer.scrollToOffset(0);
    isAtTop.current = true;
    live.setAtTop(true);
  }, [virtualizer, live, isAtTop]);
}

function slideIn(body: HTMLElement | null, height: number, most: number): void {
  if (body === null || height <= 0 || height > most) return;
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  body.animate([{ transform: `translateY(${-height}px)` }, { transform: "none" }], {
    duration: slideMs,
    easing: "ease-out",
  });
}
