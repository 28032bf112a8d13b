import { lstat, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ActorType, AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { replaceFile } from "../../src/cli/atomic-file.ts";
import { entryTable } from "../../src/cli/entry-table.ts";
import { csv } from "../../src/cli/export-format.ts";
import { lineGroups } from "../../src/cli/lines.ts";
import { fitText, plainText, textWidth } from "../../src/cli/plain-text.ts";
import { parseSpan, parseTime } from "../../src/cli/time.ts";
import { entryToJson } from "../../src/client/entry-json.ts";
import { plainJson } from "../../src/client/plain-json.ts";
import { makeSigningKey } from "../../src/log/signing-key.ts";
import { signedLog } from "../client/signed-log.ts";

afterEach(() => vi.useRealTimers());

describe("text on a terminal", () => {
  it("shows what would be obeyed", () => {
    expect(plainText("a\u001b]0;x\u0007\r\nb\u009bc\u202ed\u2028")).toBe(
      "a\\u001b]0;x\\u0007\\u000d\\u000ab\\u009bc\\u202ed\\u2028",
    );
    expect(plainText("Nguyễn 山田 👩‍💻 émile")).toBe("Nguyễn 山田 👩‍💻 émile");
  });

  it("keeps JSON equal in meaning", () => {
    const value = { "\u009b": ["\u001b\u202e\u2028", { nested: "\u007f" }] };
    for (const json of [plainJson(value), plainJson(value, 2)]) {
      expect(JSON.parse(json)).toEqual(value);
      expect(json).not.toMatch(/[\u007f-\u009f\u2028\u202e]/);
    }
  });

  it("is measured in columns and cut between characters", () => {
    expect(textWidth("山田")).toBe(4);
    expect(textWidth("e\u0301👩‍💻")).toBe(3);
    expect(fitText("abc", 5)).toBe("abc  ");
    expect(fitText("abcdef", 5)).toBe("abcd…");
    expect(fitText("山田太郎", 6)).toBe("山田… ");
  });
});

describe("the checkpoint in a CSV", () => {
  const cellOf = (name: string) => {
    const { checkpoint } = signedLog(2, { key: makeSigningKey(name) });
    const note = checkpoint();
    const record = csv.end({ checkpoint: note, entries: 2, withheld: 0 });
    const cell = /^"#checkpoint","((?:[^"]|"")*)","2 entries"/.exec(record)?.[1];
    return { note, cell: cell?.replaceAll('""', '"') };
  };

  it("is the note as it was signed, whatever its root begins with", () => {
    for (let made = 0; made < 20; made += 1) {
      const { note, cell } = cellOf("audit.example.com");
      expect(cell).toBe(note);
    }
  });

  it("is no formula, and nothing that a terminal obeys, by its name", () => {
    expect(cellOf('=HYPERLINK("//x")').cell).toMatch(/^'=HYPERLINK\("\/\/x"\)\/team-/);
    const { cell } = cellOf("a\u202eb");
    expect(cell).toMatch(/^a\\u202eb\/team-/);
    expect(cell).not.toContain("\u202e");
  });
});

describe("a file that is replaced", () => {
  it("is not written through a link that lies in the way", async () => {
    const directory = await mkdtemp(join(tmpdir(), "annals-replace-"));
    try {
      const [path, target] = [join(directory, "state"), join(directory, "precious")];
      await writeFile(target, "precious");
      await symlink(target, `${path}.${process.pid}.tmp`);
      await replaceFile(path, "new");
      expect(await readFile(target, "utf8")).toBe("precious");
      expect(await readFile(path, "utf8")).toBe("new");
      expect((await lstat(path)).isFile()).toBe(true);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe("the table", () => {
  const message = create(AuditEntrySchema, {
    sequence: 7n,
    teamId: "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11",
    actor: { type: ActorType.API_KEY, id: "key-1", name: "a bot with quite a long name 山田太郎" },
    resource: { type: "sandbox", id: "sb-1", name: "x".repeat(300) },
    action: "create.and.then.something.else.with.a.long.name",
    recordTime: timestampFromMs(0),
    status: 1,
  });
  const entry = entryToJson(message);

  it.each([80, 100, 132, 200])("is no wider than a terminal of %i columns", (width) => {
    for (const allTeams of [false, true]) {
      const table = entryTable(width, allTeams);
      expect(textWidth(table.line(entry))).toBeLessThanOrEqual(width);
      expect(textWidth(table.header())).toBeLessThanOrEqual(width);
    }
  });

  it("cuts nothing where there is no terminal", () => {
    const line = entryTable(Number.POSITIVE_INFINITY, true).line(entry);
    expect(line).toContain("a bot with quite a long name 山田太郎 (api key)");
    expect(line).toContain("x".repeat(300));
    expect(line).toContain("team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11  ");
  });
});

describe("times", () => {
  it("are RFC 3339 or a span ago", () => {
    vi.useFakeTimers({ now: Date.UTC(2026, 2, 1) });
    expect(parseTime("15m")).toBe(Date.UTC(2026, 2, 1) - 900_000);
    expect(parseTime("7d")).toBe(Date.UTC(2026, 1, 22));
    expect(parseTime("2026-03-01T01:00:00.25+01:00")).toBe(Date.UTC(2026, 2, 1) + 250);
    expect(parseSpan("2w")).toBe(14 * 86_400_000);
  });

  it.each(["", "15", "m", "-5m", "1.5h", "5y", "2026-03-01", "2026-03-01T25:00:00Z", "now"])(
    "are not %j",
    (text) => {
      expect(() => parseTime(text)).toThrow("It must be");
    },
  );
});

describe("lines of input", () => {
  async function read(chunks: string[], maxBytes = 100) {
    const groups: unknown[] = [];
    const input = (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk);
    })();
    for await (const group of lineGroups(input, maxBytes)) {
      groups.push(group.map(({ number, text }) => `${number}:${text}`));
    }
    return groups;
  }

  it("come in the groups in which they arrive, joined across chunks", async () => {
    expect(await read(["a\r\nb\nc", "c", "c\n\nd"])).toEqual([
      ["1:a", "2:b"],
      ["3:ccc", "4:"],
      ["5:d"],
    ]);
    expect(await read([])).toEqual([]);
  });

  it("are thrown away, not kept, when too long", async () => {
    const long = Array.from({ length: 50 }, () => "x".repeat(50));
    expect(await read([...long, "\nb\n"])).toEqual([["1:undefined", "2:b"]]);
    expect(await read(long)).toEqual([["1:undefined"]]);
  });
});
