/** Counts in words. */
import type { StatusWord } from "../../client/new-entry.ts";
import { stackedStatuses } from "./summary.ts";

const whole = new Intl.NumberFormat("en-GB");
const short = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });

/** Example: `1,234` */
export function countText(count: number): string {
  return whole.format(count);
}

/** Example: `1.2K` */
export function shortCount(count: number): string {
  return short.format(count);
}

/** Examples: `1 entry`, `1,234 entries` */
export function entriesText(count: number): string {
  return `${countText(count)} ${count === 1 ? "entry" : "entries"}`;
}

/** The counts that there are. Example: `1,200 success, 34 error` */
export function byStatusText(count: (status: StatusWord) => number): string {
  return stackedStatuses
    .flatMap((status) => (count(status) > 0 ? [`${countText(count(status))} ${status}`] : []))
    .join(", ");
}
