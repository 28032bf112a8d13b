import { describe, expect, it } from "vitest";
import { Progress } from "../../src/cli/progress.ts";

/** An output that keeps what it is given, and a clock that stands until it is moved. */
function fixture(isTTY: boolean, columns = 100) {
  let written = "";
  let time = 5_000;
  const output = {
    ...{ isTTY, columns },
    write: (text: string) => {
      written += text;
    },
  };
  const progress = new Progress({ label: "verifying", unit: "entries", output, now: () => time });
  return {
    progress,
    wait: (ms: number) => {
      time += ms;
    },
    /** What was written since this was asked last. */
    taken: () => {
      const text = written;
      written = "";
      return text;
    },
  };
}

describe("a progress on a terminal", () => {
  it("redraws one line with bar, share, rate and the time that is left", () => {
    const { progress, wait, taken } = fixture(true);
    progress.set(0, 200_000);
    expect(taken()).toBe(`\r\u001b[2K[${".".repeat(24)}] verifying 0 of 200,000 entries (0%)`);
    wait(1_000);
    progress.set(50_000, 200_000);
    expect(taken()).toBe(
      `\r\u001b[2K[######..................] verifying 50,000 of 200,000 entries (25%), 50,000/s, 3 s left`,
    );
    progress[Symbol.dispose]();
    expect(taken()).toBe("\r\u001b[2K");
  });

  it("is not drawn more often than ten times a second", () => {
    const { progress, wait, taken } = fixture(true);
    for (let done = 0; done < 1_000; done++) {
      progress.set(done, 1_000);
      wait(1);
    }
    expect(taken().split("\r")).toHaveLength(11);
  });

  it("is never wider than the terminal", () => {
    const { progress, taken } = fixture(true, 30);
    progress.set(1, 2);
    expect(taken().replace("\r\u001b[2K", "")).toHaveLength(29);
  });

  it("makes room for a line for people", () => {
    const { progress, taken } = fixture(true);
    progress.set(1, 2);
    const drawn = taken().replace("\r\u001b[2K", "");
    progress.say("annals: connected again");
    expect(taken()).toBe(`\r\u001b[2Kannals: connected again\n${drawn}`);
  });

  it("counts its rate from where it began, and tells long times", () => {
    const { progress, wait, taken } = fixture(true);
    progress.set(1_000_000, 10_000_000);
    wait(10_000);
    taken();
    progress.set(1_010_000, 10_000_000);
    expect(taken()).toContain("(10%), 1,000/s, 2:29:50 left");
  });

  it("of nothing is all of it", () => {
    const { progress, taken } = fixture(true);
    progress.set(0, 0);
    expect(taken()).toContain(`[${"#".repeat(24)}] verifying 0 of 0 entries (100%)`);
  });
});

describe("a progress elsewhere", () => {
  it("prints nothing for what is soon done, then a line every ten seconds", () => {
    const { progress, wait, taken } = fixture(false);
    progress.set(0, 100);
    wait(9_999);
    progress.set(50, 100);
    expect(taken()).toBe("");
    wait(1);
    progress.set(60, 100);
    expect(taken()).toBe("annals: verifying 60 of 100 entries (60%), 6/s, 7 s left\n");
    wait(9_000);
    progress.set(70, 100);
    progress.say("annals: connected again");
    progress[Symbol.dispose]();
    expect(taken()).toBe("annals: connected again\n");
  });
});
