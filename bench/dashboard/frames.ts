import type { CDPSession, Page } from "playwright-core";

/** What a page did for some time. */
export interface Frames {
  /** Frames of each whole second. */
  readonly perSecond: readonly number[];
  /** The longest time from one frame to the next, in milliseconds. */
  readonly longestMs: number;
}

/** What a page holds, after its garbage was collected. */
export interface Held {
  /** JavaScript's heap, in MiB. */
  readonly heapMiB: number;
  /** Nodes of its documents. */
  readonly nodes: number;
}

/** As text: it runs in the page, whose globals are not this program's. */
const counter = `async (count) => {
  const perSecond = Array.from({ length: count }, () => 0);
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const start = await frame();
  let last = start;
  let longestMs = 0;
  for (;;) {
    const now = await frame();
    longestMs = Math.max(longestMs, now - last);
    last = now;
    const second = Math.floor((now - start) / 1000);
    if (second >= count) return { perSecond, longestMs };
    perSecond[second] += 1;
  }
}`;

/** Counts a page's frames, by requestAnimationFrame, for some whole seconds. */
export function countFrames(page: Page, seconds: number): Promise<Frames> {
  return page.evaluate<Frames>(`(${counter})(${seconds})`);
}

/** Collects a page's garbage and looks at what is left. */
export async function measureHeld(devtools: CDPSession): Promise<Held> {
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const { nodes } = await devtools.send("Memory.getDOMCounters");
  return { heapMiB: usedSize / 2 ** 20, nodes };
}
