/** The package as its users get it: built, packed, and installed where nothing else is. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The repository. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The oldest Node that the package promises to run on: the last release of that line. */
const oldestNode = "22.23.3";

/** Where it is installed. */
export interface InstalledPackage extends AsyncDisposable {
  /** A project whose only dependency it is, with the sources of `consumer`. */
  readonly project: string;
  /** The package's own directory in there. */
  readonly directory: string;
  /** An executable of the oldest Node that is supported. */
  readonly oldestNode: string;
}

/**
 * Builds, packs and installs it. npm takes what it needs (the package's dependencies, and a Node to run it
 * on) from its cache, and what is missing there from the registry: without either this fails.
 */
export async function installPackage(): Promise<InstalledPackage> {
  const parent = await mkdtemp(join(tmpdir(), "annals-package-"));
  const remove = () => rm(parent, { recursive: true, force: true });
  try {
    const [tarball, node] = await Promise.all([
      packed(parent),
      installed(join(parent, "node"), { node: oldestNode }),
    ]);
    const project = join(parent, "project");
    await installed(project, { "@annals/client": `file:${tarball}` });
    for (const name of ["service.ts", "page.ts"]) {
      await copyFile(join(root, "test/package/consumer", name), join(project, name));
    }
    return {
      project,
      directory: join(project, "node_modules/@annals/client"),
      oldestNode: join(node, "node_modules/.bin/node"),
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Runs a program; its output if it ends with 0. */
export async function run(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const env = { ...process.env, ...options.env };
  const call = promisify(execFile)(file, args, { ...options, env, timeout: 120_000 });
  const { stdout } = await call.catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${file} ${args.join(" ")}\n${error.stdout}${error.stderr}`, { cause: error });
  });
  return stdout;
}

async function packed(parent: string): Promise<string> {
  const dist = join(parent, "dist");
  await run(process.execPath, [join(root, "src/client/build.ts"), dist]);
  const [{ filename }] = JSON.parse(
    await run("npm", ["pack", "--json", "--pack-destination", parent], { cwd: dist }),
  );
  return join(parent, filename);
}

async function installed(
  directory: string,
  dependencies: Readonly<Record<string, string>>,
): Promise<string> {
  await mkdir(directory);
  const manifest = { private: true, type: "module", allowScripts: { node: true }, dependencies };
  await writeFile(join(directory, "package.json"), JSON.stringify(manifest));
  const options = ["--prefer-offline", "--no-audit", "--no-fund", "--prefix", directory];
  await run("npm", ["install", ...options], { cwd: directory });
  return directory;
}
