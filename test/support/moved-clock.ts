/** Imported with `--import`: a wall clock that can be moved. Monotonic clocks go on as they are. */

const RealDate = Date;
let offsetMs = 0;

/** Sets the clock to where it really is and so much further; negative is back. */
export function moveClock(byMs: number): void {
  offsetMs = byMs;
}

/** `Date`, with this clock. */
class MovedDate extends RealDate {
  constructor(...args: [] | [string | number | Date]) {
    if (args.length === 0) super(RealDate.now() + offsetMs);
    // All overloads of Date take what was given.
    else super(...args);
  }

  static override now(): number {
    return RealDate.now() + offsetMs;
  }
}

globalThis.Date = MovedDate as DateConstructor;
