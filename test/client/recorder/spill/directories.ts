import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { openSpill } from "../../../../src/client/recorder/spill/open-spill.ts";
import type { ReadEntry } from "../../../../src/client/recorder/spill/segment.ts";
import type { Spill } from "../../../../src/client/recorder/spill/spill.ts";

const made: string[] = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** A path for a spill directory, in a new directory that goes with the test. */
export function spillDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "annals-spill-"));
  made.push(path);
  return join(path, "spill");
}

/** A spill of texts, and what it told. */
export interface TextSpill {
  readonly spill: Spill;
  readonly errors: Error[];
  damaged: number;
  readable: number;
  append(...texts: string[]): Promise<number>;
  /** Reads to the end. */
  readAll(): Promise<string[]>;
  /** Reads to the end and settles it all. */
  drain(): Promise<string[]>;
}

/** Opens a spill; a test that leaves `maxBytes` out has room. */
export async function openTexts(
  directory: string,
  options: { maxBytes?: number; lookMs?: number; segmentBytes?: number } = {},
): Promise<TextSpill> {
  const { maxBytes = 1e9, ...tuning } = options;
  const errors: Error[] = [];
  const told = { damaged: 0, readable: 0 };
  const spill = openSpill(
    {
      directory,
      maxBytes,
      onError: (error) => errors.push(error),
      onDamaged: (entries) => {
        told.damaged += entries;
      },
      onReadable: () => {
        told.readable += 1;
      },
    },
    tuning,
  );
  await spill.opened;
  const entries = async () => {
    const all: ReadEntry[] = [];
    for (;;) {
      const some = await spill.read(7, 10_000);
      if (some.length === 0) return all;
      all.push(...(some as ReadEntry[]));
    }
  };
  return Object.assign(told, {
    spill,
    errors,
    append: (...texts: string[]) => spill.append(texts.map((text) => Buffer.from(text))),
    readAll: async () => (await entries()).map(textOf),
    drain: async () => {
      const all = await entries();
      for (const entry of all) spill.settle(entry);
      return all.map(textOf);
    },
  });
}

/** The text of an entry. */
export function textOf({ bytes }: { readonly bytes: Uint8Array }): string {
  return Buffer.from(bytes).toString();
}

/** All files below a directory, by their paths from there. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** The segments below a directory. */
export function segmentsBelow(directory: string): string[] {
  return filesBelow(directory).filter((path) => path.endsWith(".seg"));
}

/** Texts `name 1` to `name n`. */
export function texts(name: string, count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, index) => `${name} ${from + index}`);
}
