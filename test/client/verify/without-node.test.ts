import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { lineOf } from "../../support/leaf-paths.ts";
import type { BareWalk } from "./bare-realm.ts";
import { everyField, signedLog } from "./signed-log.ts";

const folder = new URL("../../../src/client/verify/", import.meta.url);
const files = (await readdir(folder)).map((name) => new URL(name, folder));

/** The verifier's files and what they import of ours, with their texts; packages by name. */
async function importGraph(): Promise<{ sources: Map<string, string>; packages: Set<string> }> {
  const sources = new Map<string, string>();
  const packages = new Set<string>();
  const wanted = [...files];
  for (let url = wanted.pop(); url !== undefined; url = wanted.pop()) {
    if (sources.has(url.href)) continue;
    const source = await readFile(url, "utf8");
    sources.set(url.href, source);
    for (const [, specifier = ""] of source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      if (specifier.startsWith(".")) wanted.push(new URL(specifier, url));
      else packages.add(specifier.split("/").slice(0, 2).join("/"));
    }
  }
  return { sources, packages };
}

/** What a walk over a log comes to in a realm without Node. */
async function walkInBareRealm(walk: BareWalk): Promise<unknown> {
  const script = fileURLToPath(new URL("bare-realm.ts", import.meta.url));
  const node = spawn(process.execPath, ["--experimental-vm-modules", "--no-warnings", script]);
  node.stdin.end(JSON.stringify(walk));
  const [output, errors] = await Promise.all([text(node.stdout), text(node.stderr)]);
  expect(errors).toBe("");
  return JSON.parse(output);
}

describe("the verifier", () => {
  test("is less than 400 lines", async () => {
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
    const lines = texts.map((source) => source.split("\n").length - 1);
    expect(lines.reduce((sum, count) => sum + count, 0)).toBeLessThan(400);
  });

  test("imports nothing of Node, nor does what it imports, and uses no global of it", async () => {
    const { sources, packages } = await importGraph();
    expect(packages).toEqual(new Set(["@bufbuild/protobuf", "@noble/ed25519", "@noble/hashes"]));
    expect([...sources.keys()].filter((url) => /\/src\/log\/|\/ids\.ts$/.test(url))).not.toEqual(
      [],
    );
    for (const [url, source] of sources) {
      const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|"(?:[^"\\\n]|\\.)*"|`[^`]*`/g, "");
      const globals = code.match(/\b(?:Buffer|process|require|setImmediate|__dirname|global)\b/g);
      expect([url, globals]).toEqual([url, null]);
    }
  });

  test.each([true, false])(
    "walks a log in a realm without Node; with WebCrypto: %s",
    async (hasWebCrypto) => {
      const log = signedLog(30);
      log.append(everyField);
      log.erase(3n, 4n);
      const lines = log.entries.map(lineOf);
      const { verifierKey: key, teamId } = log;
      const walk = { key, note: log.note(), teamId, lines, hasWebCrypto };
      expect(await walkInBareRealm(walk)).toEqual({ opened: 32, size: "32" });
    },
  );
});
