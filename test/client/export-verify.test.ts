import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { DetailsState } from "../../gen/audit/v1/entry_pb.ts";
import { formatExportLine } from "../../src/client/export-lines.ts";
import { ExportError, verifyExport } from "../../src/client/export-verify.ts";
import { Verifier } from "../../src/client/verify/verifier.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { makeSigningKey } from "../../src/log/signing-key.ts";
import { hashed, type SignedLog, signedLog } from "./signed-log.ts";

/** The lines of a complete export; the positions in `withheld` as hashes. */
function completeLines(log: SignedLog, withheld: readonly number[] = []): string[] {
  const { origin, teamId, pruned: size, frontier: hashes } = log;
  const isWithheld = (sequence: bigint) => withheld.includes(Number(sequence - size));
  const positions = log.entries.map((entry) =>
    formatExportLine(
      isWithheld(entry.sequence)
        ? { kind: "withheld", sequence: entry.sequence, leafHash: entry.leafHash }
        : { kind: "entry", entry },
    ),
  );
  const counts = { entries: positions.length - withheld.length, withheld: withheld.length };
  return [
    formatExportLine({ kind: "header", header: { origin, teamId, complete: true } }),
    ...(size > 0n ? [formatExportLine({ kind: "pruned", size, hashes })] : []),
    ...positions,
    formatExportLine({ kind: "end", end: { checkpoint: log.checkpoint(), ...counts } }),
  ];
}

/** The lines of a filtered export of some positions. */
function filteredLines(log: SignedLog, sequences: readonly bigint[]): string[] {
  const { origin, teamId } = log;
  const checkpoint = log.checkpoint();
  const filter = { actions: ["create"] };
  const header = { origin, teamId, complete: false, filter, checkpoint };
  const positions = sequences.map((sequence) => {
    const entry = log.entries[Number(sequence - log.pruned) - 1] as (typeof log.entries)[number];
    return formatExportLine({ kind: "entry", entry, proof: log.inclusion(sequence) });
  });
  return [
    formatExportLine({ kind: "header", header }),
    ...positions,
    formatExportLine({ kind: "end", end: { checkpoint, entries: positions.length, withheld: 0 } }),
  ];
}

const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");

function verify(log: SignedLog, content: string | Uint8Array, chunk = 1 << 16) {
  const bytes = Buffer.from(content as string);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  return verifyExport(chunks(), new Verifier({ keys: [log.verifierKey], sha256 }));
}

async function refusal(log: SignedLog, content: string | Uint8Array): Promise<string> {
  const error = await verify(log, content).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ExportError);
  return (error as ExportError).message;
}

const log = signedLog(6);
const wholeFrontier = (() => {
  const tree = new Frontier(sha256);
  for (const { leafHash } of log.entries) tree.append(leafHash);
  return tree.hashes;
})();
const complete = completeLines(log, [2]);
const filtered = filteredLines(log, [2n, 3n, 5n]);
const line = (lines: readonly string[], number: number) => lines[number - 1] ?? "";

describe("an export", () => {
  it("is verified however its bytes are cut into pieces", async () => {
    for (const chunk of [1, 7, 1000]) {
      expect(await verify(log, text(complete), chunk)).toMatchObject({
        header: { complete: true, origin: log.origin },
        checkpoint: { size: 6n, note: log.checkpoint() },
        ...{ opened: 5, withheld: 1, erased: 0, pruned: 0n },
      });
    }
    expect(await verify(log, text(filtered))).toMatchObject({
      header: { complete: false, filter: { actions: ["create"] } },
      ...{ opened: 3, withheld: 0 },
    });
  });

  it("of an empty log is verified", async () => {
    const empty = signedLog(0);
    expect(await verify(empty, text(completeLines(empty)))).toMatchObject({ opened: 0 });
  });

  it("of a log that was pruned is verified, at positions beyond 2^53 too", async () => {
    for (const pruned of [256n, 2n ** 53n - 3n, 2n ** 62n + 12_345n]) {
      const late = signedLog(7, { pruned });
      const report = await verify(late, text(completeLines(late, [3])));
      expect(report).toMatchObject({
        opened: 6,
        withheld: 1,
        pruned,
        checkpoint: { size: late.size },
      });
      const some = filteredLines(late, [pruned + 2n, pruned + 7n]);
      expect(await verify(late, text(some))).toMatchObject({ opened: 2 });
    }
  });

  it("says the root at an earlier size", async () => {
    const bytes = Buffer.from(text(complete));
    const verifier = new Verifier({ keys: [log.verifierKey], sha256 });
    const report = await verifyExport(
      (async function* () {
        yield bytes;
      })(),
      verifier,
      { earlierSize: async () => 4n },
    );
    const earlier = await verifier.verifyCheckpoint(log.checkpoint(4n), log.teamId);
    expect(report.earlierRoot).toEqual(Buffer.from(earlier.root));
  });

  describe("byte by byte", () => {
    const small = signedLog(2);
    const both = [completeLines(small, [1]), filteredLines(small, [2n])];

    it("never passes cut off, wherever that is", async () => {
      for (const lines of both) {
        const whole = Buffer.from(text(lines));
        for (let end = 0; end < whole.length; end++) {
          const message = await refusal(small, whole.subarray(0, end));
          expect(message).toMatch(/cut off|not UTF-8/);
        }
      }
    });

    it("never passes with a byte changed, but in the filter that it states", async () => {
      for (const lines of both) {
        const whole = Buffer.from(text(lines));
        const stated = whole.indexOf('"filter":');
        const statedEnd = stated < 0 ? -1 : whole.indexOf("}", stated);
        for (let at = 0; at < whole.length; at++) {
          if (at >= stated && at <= statedEnd) continue;
          const mutated = Buffer.from(whole);
          mutated[at] = (mutated[at] ?? 0) ^ (at % 2 === 0 ? 1 : 0x20);
          await refusal(small, mutated);
        }
      }
    });
  });
});

describe("an export is refused, naming the line, with", () => {
  const swapped = (lines: readonly string[], a: number, b: number) =>
    lines.with(a - 1, line(lines, b)).with(b - 1, line(lines, a));
  const forged = () => {
    const other = signedLog(6, { teamId: log.teamId });
    return formatExportLine({ kind: "entry", entry: other.entries[3] as never });
  };
  const header = JSON.parse(line(complete, 1)) as { export: object };
  const withHeader = (change: object) => [
    JSON.stringify({ export: { ...header.export, ...change } }),
    ...complete.slice(1),
  ];

  it.each<[what: string, lines: readonly string[], message: RegExp]>([
    [
      "a changed name",
      complete.with(3, line(complete, 4).replace("Ada", "Bob")),
      /^line 4: entry 3: the details/,
    ],
    [
      "a changed action",
      complete.with(3, line(complete, 4).replace("create", "delete")),
      /^line 4: entry 3: /,
    ],
    ["a line missing", complete.toSpliced(3, 1), /^line 4: entry 3: .*missing/],
    ["a line twice", complete.toSpliced(3, 0, line(complete, 4)), /^line 5: entry 3: .*again/],
    ["lines swapped", swapped(complete, 4, 5), /^line 4: entry 3: .*missing/],
    [
      "an entry in place of another",
      complete.with(4, forged()),
      /^line 8: .*not those that were signed/,
    ],
    [
      "an entry without its hash",
      complete.with(3, line(complete, 4).replace(/,"leafHash":"[^"]+"/, "")),
      /^line 4: entry 3: this is not an entry/,
    ],
    [
      "a key twice",
      complete.with(3, line(complete, 4).replace('"action":', '"action":"x","action":')),
      /^line 4: it is not written as/,
    ],
    [
      "an unknown field",
      complete.with(3, line(complete, 4).replace('{"id"', '{"x":1,"id"')),
      /^line 4: x: unknown field/,
    ],
    [
      "an empty context, which no hash covers",
      complete.with(3, line(complete, 4).replace('{"id"', '{"context":{},"id"')),
      /^line 4: context: must not be empty/,
    ],
    [
      "nothing but what it says was pruned",
      [
        line(complete, 1),
        formatExportLine({ kind: "pruned", size: 6n, hashes: wholeFrontier }),
        formatExportLine({
          kind: "end",
          end: { checkpoint: log.checkpoint(), entries: 0, withheld: 0 },
        }),
      ],
      /^line 3: it has nothing of the log/,
    ],
    ["white space", complete.with(3, ` ${line(complete, 4)}`), /^line 4: it is not written as/],
    ["CRLF", complete.map((each) => `${each}\r`), /^line 1: it is not/],
    ["an empty line", complete.toSpliced(3, 0, ""), /^line 4: it is not JSON/],
    ["an array", complete.with(3, "[1]"), /^line 4: it is not a JSON object/],
    ["deep JSON", complete.with(3, "[".repeat(500_000)), /^line 4: it is not JSON/],
    ["a line of 2 MiB", complete.with(3, `"${"x".repeat(2 ** 21)}"`), /^line 4: it is too long/],
    ["no header", complete.slice(1), /^line 1: the export does not begin with a header/],
    ["two headers", complete.toSpliced(1, 0, line(complete, 1)), /^line 2: it is a second header/],
    ["something behind the end", [...complete, line(complete, 4)], /^line 9: something follows/],
    ["no end", complete.slice(0, -1), /^line 8: it is missing: the export is cut off/],
    [
      "another count",
      complete.with(7, line(complete, 8).replace('"entries":5', '"entries":4')),
      /^line 8: it tells of 4 entries/,
    ],
    ["another version", withHeader({ version: 2 }), /^line 1: it is of version 2/],
    [
      "another team",
      withHeader({ teamId: `team-${"0".repeat(8)}-0000-4000-8000-000000000000` }),
      /^line 2: entry 1: .*another team/,
    ],
    ["another origin", withHeader({ origin: "other" }), /^line 8: .*another log/],
    ["an unknown header field", withHeader({ x: 1 }), /^line 1: it has an unknown field "x"/],
    ["the claim to be filtered", withHeader({ complete: false }), /^line 1: its complete/],
    [
      "entries that nobody pruned",
      complete.toSpliced(1, 0, `{"pruned":{"size":4,"hashes":["${"A".repeat(43)}="]}}`),
      /^line 3: entry 1: .*again/,
    ],
    [
      "a pruned line further on",
      complete.toSpliced(4, 0, '{"pruned":{"size":1,"hashes":[]}}'),
      /^line 5: only the first/,
    ],
    [
      "a later checkpoint",
      complete.with(
        7,
        JSON.stringify({
          ...(JSON.parse(line(complete, 8)) as object),
          checkpoint: signedLog(7, { teamId: log.teamId }).checkpoint(),
        }),
      ),
      /^line 8: no known key/,
    ],
    [
      "filtered: a changed action",
      filtered.with(2, line(filtered, 3).replace("create", "delete")),
      /^line 3: entry 3: /,
    ],
    [
      "filtered: a line twice",
      filtered.toSpliced(2, 0, line(filtered, 3)),
      /^line 4: entry 3: .*again/,
    ],
    ["filtered: lines swapped", swapped(filtered, 2, 3), /^line 3: entry 2 comes after entry 3/],
    ["filtered: a line missing", filtered.toSpliced(2, 1), /^line 4: it tells of 3 entries/],
    [
      "filtered: another entry's proof",
      filtered.with(
        2,
        line(filtered, 3).replace(/"proof":.*/, /"proof":.*/.exec(line(filtered, 4))?.[0] ?? ""),
      ),
      /^line 3: entry 3: .*position/,
    ],
    [
      "filtered: no proof",
      filtered.with(2, line(filtered, 3).replace(/,"proof":.*/, "}")),
      /^line 3: a filtered export/,
    ],
    [
      "filtered: a hash only",
      filtered.toSpliced(1, 0, line(complete, 3)),
      /^line 2: a filtered export/,
    ],
    [
      "filtered: another checkpoint at the end",
      filtered.with(
        4,
        line(filtered, 5).replace(
          /"checkpoint":"[^"]*"/,
          `"checkpoint":${JSON.stringify(log.checkpoint(5n))}`,
        ),
      ),
      /^line 5: its checkpoint/,
    ],
    [
      "the claim to be complete",
      filtered.with(0, line(complete, 1)),
      /^line 2: it does not belong/,
    ],
  ])("%s", async (_, lines, message) => {
    expect(await refusal(log, text(lines))).toMatch(message);
  });

  it("what is not UTF-8", async () => {
    const bytes = Buffer.from(text(complete));
    bytes[bytes.indexOf("ü")] = 0xff;
    expect(await refusal(log, bytes)).toMatch(/not UTF-8/);
  });

  it("the signature of another key", async () => {
    const stranger = signedLog(6, { key: makeSigningKey("audit.example.com") });
    const { message } = await verify(log, text(completeLines(stranger))).catch((error) => error);
    expect(message).toMatch(/^line 8: no known key/);
  });
});

describe("erasure in an export", () => {
  let erased: SignedLog;
  const erase = (entry: (typeof log.entries)[number]) => {
    entry.detailsState = DetailsState.ERASED;
    entry.detailsSalt = new Uint8Array();
    delete entry.metadata;
    if (entry.actor) entry.actor.name = "";
  };
  beforeAll(() => {
    erased = signedLog(4, {
      change(entry, position) {
        if (position !== 4) return;
        entry.recorder = { ...entry.recorder, type: "annals", id: "annals" } as never;
        entry.action = "erase_details";
        entry.metadata = { sequences: ["2"] };
      },
    });
    erase(erased.entries[1] as never);
  });

  it("passes if a later entry says so, and is counted", async () => {
    expect(await verify(erased, text(completeLines(erased)))).toMatchObject({
      erased: 1,
      opened: 4,
    });
  });

  it("fails without such an entry, or if that is a hash only", async () => {
    const silent = signedLog(3);
    erase(silent.entries[1] as never);
    const unexplained = /entry 2: .*no later entry says/;
    expect(await refusal(silent, text(completeLines(silent)))).toMatch(unexplained);
    expect(await refusal(erased, text(completeLines(erased, [4])))).toMatch(unexplained);
  });

  it("is no matter in a filtered one, which says how many there are", async () => {
    expect(await verify(erased, text(filteredLines(erased, [2n])))).toMatchObject({ erased: 1 });
  });
});

it("an entry with other details than its digest's is refused even if its leaf fits", async () => {
  const other = signedLog(2);
  const entry = other.entries[0] as (typeof log.entries)[number];
  entry.detailsSalt = new Uint8Array(randomBytes(32));
  expect(await refusal(other, text(completeLines(other)))).toMatch(/^line 2: entry 1: the details/);
  expect(hashed(entry).leafHash).toHaveLength(32);
});
