/** How far a long command is: a bar on a terminal, a line now and then elsewhere. */

/** What a progress is shown on: standard error. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** What to show. */
export interface ProgressOptions {
  /** What is done. Example: `verifying` */
  readonly label: string;
  /** What is counted. Example: `entries` */
  readonly unit: string;
  readonly output?: ProgressOutput;
  /** The clock in milliseconds. */
  readonly now?: () => number;
}

const redrawMs = 100;
const lineMs = 10_000;
const barWidth = 24;
/** Goes to the line's start and clears it. */
const clearLine = "\r\u001b[2K";

/**
 * A progress that is told of every step and shows few of them. On a terminal it redraws one line,
 * which is gone when it is disposed; elsewhere it prints a line every 10 s.
 */
export class Progress implements Disposable {
  readonly #label: string;
  readonly #unit: string;
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  readonly #started: number;
  #shown: number;
  #from: number | undefined;
  #line = "";

  constructor(options: ProgressOptions) {
    const { label, unit, output = process.stderr, now = () => performance.now() } = options;
    this.#label = label;
    this.#unit = unit;
    this.#output = output;
    this.#now = now;
    this.#started = now();
    // The first line elsewhere comes after a while, so that short commands print none.
    this.#shown = output.isTTY ? Number.NEGATIVE_INFINITY : this.#started;
  }

  /** So many of so many are done. The rate is that of the steps since the first call. */
  set(done: number, total: number): void {
    const now = this.#now();
    this.#from ??= done;
    if (now - this.#shown < (this.#output.isTTY ? redrawMs : lineMs)) return;
    this.#shown = now;
    const rate = (done - this.#from) / Math.max(1, now - this.#started);
    const line = `${this.#label} ${lineOf(done, total, this.#unit, rate)}`;
    if (!this.#output.isTTY) {
      this.#output.write(`annals: ${line}\n`);
      return;
    }
    this.#line = `${bar(done, total)} ${line}`.slice(0, (this.#output.columns || 80) - 1);
    this.#output.write(clearLine + this.#line);
  }

  /** Prints a line for people above the progress. */
  say(line: string): void {
    const isDrawn = this.#line !== "";
    this.#output.write(isDrawn ? `${clearLine}${line}\n${this.#line}` : `${line}\n`);
  }

  [Symbol.dispose](): void {
    if (this.#line !== "") this.#output.write(clearLine);
    this.#line = "";
  }
}

/** `rate` is in steps a millisecond. */
function lineOf(done: number, total: number, unit: string, rate: number): string {
  const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
  const parts = [`${count(done)} of ${count(total)} ${unit} (${percent}%)`];
  if (rate > 0) {
    parts.push(`${count(rate * 1_000)}/s`, `${duration((total - done) / rate)} left`);
  }
  return parts.join(", ");
}

function bar(done: number, total: number): string {
  const full = total > 0 ? Math.min(barWidth, Math.floor((barWidth * done) / total)) : barWidth;
  return `[${"#".repeat(full)}${".".repeat(barWidth - full)}]`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-GB");
}

/** Example: `1:02:03`, `4:05`, `7 s` */
function duration(ms: number): string {
  const seconds = Math.ceil(Math.max(0, ms) / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const rest = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
