import { describe, expect, it } from "vitest";
import { fileName } from "../../src/dashboard/export/file-name.ts";
import { bytesInWords, countInWords } from "../../src/dashboard/export/progress-words.ts";
import { blobSink, fileSink, type SaveHandle, SinkError } from "../../src/dashboard/export/sink.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("an exported file's name", () => {
  const now = new Date("2026-11-22T07:15:30.123Z");
  const teamId = "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11";
  it("has team, time and format, and nothing that a file system refuses", () => {
    const name = fileName({ teamId, allTeams: false }, "csv", now);
    expect(name).toBe(`annals-${teamId}-20261122T071530Z.csv`);
    expect(fileName({ teamId: undefined, allTeams: true }, "ndjson", now)).toBe(
      "annals-all-teams-20261122T071530Z.ndjson",
    );
  });
});

describe("progress in words", () => {
  it("counts entries and bytes", () => {
    expect([0, 1, 12_345].map(countInWords)).toEqual(["0 entries", "1 entry", "12,345 entries"]);
    expect([0, 999, 1_000, 12_345, 999_949, 999_950, 5e12].map(bytesInWords)).toEqual([
      ...["0 B", "999 B", "1.0 kB", "12.3 kB", "999.9 kB", "1.0 MB", "5000.0 GB"],
    ]);
  });
});

describe("a file gathered in the browser", () => {
  it("is handed over when it is complete, and whole", async () => {
    const files: Blob[] = [];
    const sink = blobSink("text/csv", (file) => files.push(file));
    const large = "x".repeat(3 * 1024 * 1024);
    for (const text of ["a", large, "b", large, "c"]) await sink.write(bytes(text));
    expect(files).toEqual([]);
    await sink.close();
    expect(files.map(({ type }) => type)).toEqual(["text/csv"]);
    expect(await files[0]?.text()).toBe(`a${large}b${large}c`);
  });

  it("is not handed over when it was given up", async () => {
    const files: Blob[] = [];
    const sink = blobSink("text/csv", (file) => files.push(file));
    await sink.write(bytes("a"));
    await sink.discard();
    expect(files).toEqual([]);
  });
});

describe("a file on disk", () => {
  /** A handle to a file in memory. */
  function handle(stream: Partial<Pick<FileSystemWritableFileStream, "write" | "close">>) {
    const calls: string[] = [];
    const writable = {
      write: async () => void calls.push("write"),
      close: async () => void calls.push("close"),
      abort: async () => void calls.push("abort"),
      ...stream,
    } as FileSystemWritableFileStream;
    const save: SaveHandle = {
      createWritable: async () => writable,
      getFile: async () => new Blob([]),
      remove: async () => void calls.push("remove"),
    };
    return { save, calls };
  }

  it("is closed once, at the end", async () => {
    const { save, calls } = handle({});
    const sink = await fileSink(save);
    await sink.write(bytes("a"));
    await sink.close();
    expect(calls).toEqual(["write", "close"]);
  });

  it("tells a full disk from a lost connection", async () => {
    const full = async () => Promise.reject(new DOMException("no room", "QuotaExceededError"));
    const sink = await fileSink(handle({ write: full }).save);
    await expect(sink.write(bytes("a"))).rejects.toThrow(SinkError);
    const denied = { ...handle({}).save, createWritable: full };
    await expect(fileSink(denied)).rejects.toThrow(SinkError);
  });

  it("leaves no empty file where it was not allowed to write", async () => {
    const { save, calls } = handle({});
    const denied = async () => Promise.reject(new DOMException("no", "NotAllowedError"));
    await expect(fileSink({ ...save, createWritable: denied })).rejects.toThrow(SinkError);
    expect(calls).toEqual(["remove"]);
  });

  it("leaves no empty file when it is given up", async () => {
    const { save, calls } = handle({});
    const sink = await fileSink(save);
    await sink.discard();
    expect(calls).toEqual(["abort", "remove"]);
  });
});
