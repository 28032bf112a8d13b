/**
 * Builds the dashboard into `src/dashboard/dist`, compressed ahead: `npm run build:dashboard`.
 *
 * --if-stale  only if the last build was of other sources
 * --optional  go on without a build if it fails: the server says on the page what to do
 */
import { hash } from "node:crypto";
import {
  chmod,
  glob,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const dashboard = import.meta.dirname;
const root = join(dashboard, "../..");
const built = join(dashboard, "dist");
const stampName = "stamp";

/** All that a build is made of. Another version of a package is another package-lock.json. */
const sources = [
  "{package-lock,tsconfig}.json",
  "src/{ids,limits}.ts",
  "{gen,src/log,src/client,src/dashboard}/**/*.*",
];
/** Folders below them that are made of something else, or are made by this. */
const notSources = /^(node_modules|dist|\.build-.*)$/;
/** A build that was interrupted leaves its directory. After this time nobody works in it. */
const abandonedMs = 3_600_000;

/** Whether a build is there and of these sources. */
export async function isFresh(): Promise<boolean> {
  return (await readStamp()) === (await stampOfSources());
}

/**
 * Builds, and puts the whole build in the place of the one before. Builds at the same time do not
 * meet: each has a directory of its own, and the last to end stays.
 *
 * @throws Error what Vite throws, or that it is not installed.
 */
export async function build(logLevel: "info" | "error" = "info"): Promise<void> {
  await removeAbandoned();
  // Before the sources are read: what changes meanwhile makes the build stale.
  const stamp = await stampOfSources();
  const directory = await mkdtemp(join(dashboard, ".build-"));
  try {
    const vite = await import("vite");
    await vite.build({
      configFile: join(dashboard, "vite.config.ts"),
      build: { outDir: directory, emptyOutDir: true },
      logLevel,
    });
    await compressAll(directory);
    await writeFile(join(directory, stampName), stamp);
    // Whoever may read the sources; a temporary directory is its maker's only.
    await chmod(directory, 0o755);
    await replace(built, directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function stampOfSources(): Promise<string> {
  const files = await Array.fromAsync(
    glob(sources, { cwd: root, exclude: (path) => notSources.test(basename(path)) }),
  );
  const hashes = await Promise.all(
    files.map(async (file) => `${file} ${hash("sha256", await readFile(join(root, file)))}`),
  );
  return hash("sha256", hashes.sort().join("\n"));
}

async function readStamp(): Promise<string | undefined> {
  try {
    return await readFile(join(built, stampName), "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes `.br` and `.gz` beside each file that gets smaller by it. */
async function compressAll(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      if (!entry.isFile()) return;
      const file = join(entry.parentPath, entry.name);
      const content = await readFile(file);
      const best = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
      const compressed = {
        br: await promisify(brotliCompress)(content, { params: best }),
        gz: await promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }),
      };
      for (const [ending, bytes] of Object.entries(compressed)) {
        if (bytes.length < content.length) await writeFile(`${file}.${ending}`, bytes);
      }
    }),
  );
}

/** Moves a directory to where another may be, also while others do the same. */
async function replace(target: string, directory: string): Promise<void> {
  for (;;) {
    try {
      await rename(directory, target);
      return;
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(codeOf(error) ?? "")) throw error;
    }
    const aside = await mkdtemp(join(dashboard, ".build-"));
    try {
      await rename(target, join(aside, "old"));
    } catch (error) {
      // Another has moved it aside.
      if (codeOf(error) !== "ENOENT") throw error;
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }
}

async function removeAbandoned(): Promise<void> {
  for await (const name of glob(".build-*", { cwd: dashboard })) {
    const directory = join(dashboard, name);
    const { mtimeMs } = await stat(directory).catch(() => ({ mtimeMs: Date.now() }));
    if (mtimeMs < Date.now() - abandonedMs) await rm(directory, { recursive: true, force: true });
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

if (import.meta.main) {
  const { values: flags } = parseArgs({
    options: { "if-stale": { type: "boolean" }, optional: { type: "boolean" } },
  });
  // What React's packages look at; a test runner may have set it otherwise.
  process.env.NODE_ENV = "production";
  try {
    if (!(flags["if-stale"] && (await isFresh()))) {
      process.stderr.write("building the dashboard…\n");
      await build(flags["if-stale"] ? "error" : "info");
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`the dashboard could not be built: ${why}\n`);
    if (!flags.optional) process.exitCode = 1;
  }
}
