import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What may be imported from where. A name stands for any file of that folder. */
const allowed: Record<string, readonly string[]> = {
  "src/ids.ts": ["src/limits.ts", "gen"],
  "src/checkpoint-config.ts": ["src/log"],
  "src/main.ts": ["src/config.ts", "src/logger.ts", "src/server"],
  "src/log": ["src/ids.ts"],
  "src/store": ["src/ids.ts", "src/limits.ts", "src/log"],
  "src/ingest": ["src/ids.ts", "src/errors.ts", "src/limits.ts", "src/log", "src/store"],
  "src/feed": ["src/ids.ts", "src/errors.ts", "src/limits.ts", "src/log", "src/store"],
  "src/proof": ["src/ids.ts", "src/errors.ts", "src/limits.ts", "src/log", "src/store"],
  "src/rpc": [
    "gen",
    "src/config.ts",
    "src/errors.ts",
    "src/log",
    "src/store",
    "src/feed",
    "src/proof",
  ],
  "src/server": [
    "gen",
    "src/config.ts",
    "src/log",
    "src/store",
    "src/ingest",
    "src/feed",
    "src/proof",
    "src/rpc",
  ],
  "src/client": ["gen", "src/ids.ts", "src/limits.ts", "src/log"],
  "src/client/recorder": ["gen", "src/ids.ts", "src/limits.ts", "src/log", "src/client"],
  "src/client/recorder/spill": [
    "gen",
    "src/limits.ts",
    "src/log",
    "src/client",
    "src/client/recorder",
  ],
  "src/client/verify": ["gen", "src/ids.ts", "src/log", "src/client/recorded-entry.ts"],
  "src/dashboard": ["gen", "src/ids.ts", "src/limits.ts", "src/log", "src/client"],
  "src/dashboard/trail": ["gen", "src/limits.ts", "src/log", "src/client", "src/dashboard/view"],
  "src/dashboard/proof/drawing": ["gen", "src/ids.ts", "src/client/verify", "src/dashboard/proof"],
  "src/cli": ["gen", "src/ids.ts", "src/config.ts", "src/log", "src/client"],
  "src/cli/migrate.ts": ["gen", "src/config.ts", "src/client", "src/store/migrate.ts"],
  "src/cli/accept-rollback.ts": [
    "src/log",
    "src/proof/accept-rollback.ts",
    "src/server/checkpoints.ts",
    "src/server/database.ts",
    "src/store/pool.ts",
  ],
  "src/cli/dashboard.ts": ["src/client", "src/server/development.ts"],
  "src/cli/keygen.ts": ["src/log", "src/server/checkpoints.ts", "src/server/development.ts"],
  "src/cli/demo-traffic.ts": ["src/client", "examples/sandbox-platform/events.ts"],
  "src/cli/serve.ts": ["src/main.ts", "src/logger.ts", "src/server/server.ts"],
};

const forbidden: Record<string, readonly string[]> = {
  "src/ids.ts": ["src/log", "src/store", "src/server", "src/main.ts"],
  "src/checkpoint-config.ts": ["src/store", "src/proof", "src/server", "src/main.ts"],
  "src/main.ts": ["src/cli", "src/client", "src/dashboard"],
  "src/log": ["gen", "src/limits.ts", "src/errors.ts", "src/config.ts", "src/store", "src/rpc"],
  "src/store": [
    "gen",
    "src/errors.ts",
    "src/feed",
    "src/ingest",
    "src/proof",
    "src/rpc",
    "src/server",
  ],
  "src/ingest": ["gen", "src/feed", "src/proof", "src/rpc", "src/server", "src/client"],
  "src/feed": ["gen", "src/ingest", "src/proof", "src/rpc", "src/server", "src/client"],
  "src/proof": ["gen", "src/ingest", "src/feed", "src/rpc", "src/server", "src/client"],
  "src/rpc": ["src/ingest", "src/server", "src/client", "src/cli", "src/main.ts"],
  "src/server": ["src/client", "src/dashboard", "src/cli", "src/main.ts"],
  "src/client": ["src/config.ts", "src/errors.ts", "src/store", "src/rpc", "src/server", "src/cli"],
  "src/client/recorder": ["src/config.ts", "src/errors.ts", "src/store", "src/rpc", "src/server"],
  "src/client/recorder/spill": ["src/errors.ts", "src/store", "src/rpc", "src/server", "src/cli"],
  "src/client/verify": ["src/errors.ts", "src/store", "src/rpc", "src/cli", "src/client/client.ts"],
  "src/dashboard": ["src/config.ts", "src/errors.ts", "src/store", "src/rpc", "src/server"],
  "src/dashboard/trail": ["src/errors.ts", "src/store", "src/rpc", "src/server", "src/cli"],
  "src/dashboard/proof/drawing": [
    "src/config.ts",
    "src/store",
    "src/proof",
    "src/rpc",
    "src/main.ts",
  ],
  "src/cli": [
    "src/dashboard",
    "examples/sandbox-platform/events.ts",
    "src/store",
    "src/rpc",
    "src/feed",
    "src/ingest",
    "src/server",
    "src/main.ts",
  ],
  "src/cli/migrate.ts": ["src/store/append.ts", "src/rpc", "src/feed", "src/server/http.ts"],
  "src/cli/serve.ts": ["src/store/append.ts", "src/rpc", "src/ingest"],
  "src/cli/demo-traffic.ts": ["src/log", "src/server", "examples/sandbox-platform/service.ts"],
  "src/cli/accept-rollback.ts": ["src/store/append.ts", "src/proof/notary.ts", "src/rpc"],
};

/** A file of the folder; each import gets its own, so that a finding tells which it is about. */
function fileIn(place: string, name: string): string {
  return place.endsWith(".ts") ? place : `${place}/${name}.ts`;
}

function specifier(from: string, to: string): string {
  const path = relative(dirname(from), fileIn(to, "target"));
  return path.startsWith(".") ? path : `./${path}`;
}

/** The four ways of importing. */
const forms = [
  (path: string) => `import { a } from "${path}";\nexport const b = a;\n`,
  (path: string) => `import type { A } from "${path}";\nexport const b = (a: A) => a;\n`,
  (path: string) => `export { a } from "${path}";\n`,
  (path: string) => `export const a = () => import("${path}");\n`,
];

/** Lints the files under this repository's Biome configuration; answers `file:line` of each finding. */
async function restrictedImports(files: ReadonlyMap<string, string>): Promise<Set<string>> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "annals-layers-")));
  try {
    const config = JSON.parse(await readFile(join(root, "biome.json"), "utf8"));
    config.vcs = { enabled: false };
    await writeFile(join(directory, "biome.json"), JSON.stringify(config));
    for (const [path, text] of files) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), text);
    }
    const biome = join(root, "node_modules/.bin/biome");
    const options =
      "lint --only=style/noRestrictedImports --max-diagnostics=none --reporter=github";
    const run = promisify(execFile)(biome, [...options.split(" "), "src"], {
      cwd: directory,
      maxBuffer: 16 * 1024 * 1024,
    });
    // Biome's exit code is 1 when it finds something.
    const output = await run.catch((error: { stdout: string }) => error);
    const places = output.stdout.matchAll(/^::error .*?file=([^,]+),line=(\d+)/gm);
    return new Set(
      Array.from(places, ([, file = "", line]) => `${relative(directory, file)}:${line}`),
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test("an import against the layers' order is a lint error, one along it is not", async () => {
  const files = new Map<string, string>();
  const bad = new Set<string>();
  for (const [edges, isBad] of [
    [allowed, false],
    [forbidden, true],
  ] as const) {
    for (const [from, targets] of Object.entries(edges)) {
      for (const [index, form] of forms.entries()) {
        for (const target of targets) {
          const path = fileIn(from, `form-${index}`);
          const before = files.get(path) ?? "";
          files.set(path, `${before}${form(specifier(path, target))}`);
          if (isBad) bad.add(`${path}:${before.split("\n").length}`);
        }
      }
    }
  }
  expect(await restrictedImports(files)).toEqual(bad);
});

test("every folder of src has its place in the order", async () => {
  const config = JSON.parse(await readFile(join(root, "biome.json"), "utf8"));
  const ruled = config.overrides.flatMap((override: { includes: string[] }) => override.includes);
  const entries = await readdir(join(root, "src"), { withFileTypes: true });
  for (const folder of entries.filter((entry) => entry.isDirectory())) {
    expect(ruled).toContain(`src/${folder.name}/**`);
  }
});
