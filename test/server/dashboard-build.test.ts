import { execFile } from "node:child_process";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Some tests build ten times over. */
const timeout = 180_000;
let copy: string;

/** A repository with a page of one script and one picture, and the real build. */
beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), "annals-build-"));
  for (const folder of ["gen", "src/log", "src/client", "src/dashboard"]) {
    await mkdir(join(copy, folder), { recursive: true });
  }
  await cp(join(root, "src/dashboard/build.ts"), join(copy, "src/dashboard/build.ts"));
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  const page =
    '<!doctype html><div id="page"></div><script type="module" src="./main.ts"></script>';
  for (const [name, text] of Object.entries({
    "package.json": '{"type": "module"}',
    "package-lock.json": "{}",
    "tsconfig.json": "{}",
    "src/ids.ts": "export const id = 'usr';",
    "src/limits.ts": "export const limit = 1;",
    "src/dashboard/index.html": page,
    "src/dashboard/main.ts": `import { id } from "../ids.ts"; document.title = id + "${"x".repeat(900)}";`,
    "src/dashboard/vite.config.ts":
      "export default { root: import.meta.dirname, build: { assetsInlineLimit: 0 } };",
  })) {
    await writeFile(join(copy, name), text);
  }
});
afterEach(() => rm(copy, { recursive: true }));

const dist = (...names: string[]) => join(copy, "src/dashboard/dist", ...names);

/** Runs the build; answers its exit code and what it said. */
function build(...flags: string[]): Promise<{ code: number | null; said: string }> {
  const args = [join(copy, "src/dashboard/build.ts"), ...flags];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, said: stdout + stderr });
    });
  });
}

/** Whether the copy's build says that there is nothing to do. */
async function isFresh(): Promise<boolean> {
  const module = pathToFileURL(join(copy, "src/dashboard/build.ts")).href;
  const program = `import { isFresh } from "${module}"; console.log(await isFresh())`;
  const args = ["--input-type=module", "--eval", program];
  return (await promisify(execFile)(process.execPath, args)).stdout === "true\n";
}

async function script(): Promise<string> {
  const names = await readdir(dist("assets"));
  return names.find((name) => name.endsWith(".js")) ?? "";
}

const leftovers = async () =>
  (await readdir(join(copy, "src/dashboard"))).filter((name) => name.startsWith(".build-"));

test("what is built is named by its content, compressed ahead and readable for whoever runs the server", {
  timeout,
}, async () => {
  expect(await build()).toMatchObject({ code: 0 });
  const name = await script();
  expect(name).toMatch(/^index-[\w-]+\.js$/);
  const content = await readFile(dist("assets", name));
  expect(content.toString()).toContain("xxx");
  expect(brotliDecompressSync(await readFile(dist("assets", `${name}.br`)))).toEqual(content);
  expect(gunzipSync(await readFile(dist("assets", `${name}.gz`)))).toEqual(content);
  expect(await readFile(dist("index.html"), "utf8")).toContain(`src="/assets/${name}"`);
  expect((await stat(dist())).mode & 0o777).toBe(0o755);
  expect(await leftovers()).toEqual([]);
});

test("it is built again when its sources have changed, and only then", { timeout }, async () => {
  expect((await build("--if-stale")).said).toBe("building the dashboard…\n");
  const before = await stat(dist("index.html"));
  expect(await build("--if-stale")).toEqual({ code: 0, said: "" });
  expect((await stat(dist("index.html"))).mtimeMs).toBe(before.mtimeMs);

  // Touched, not changed.
  await utimes(join(copy, "src/ids.ts"), new Date(), new Date());
  expect(await build("--if-stale")).toEqual({ code: 0, said: "" });

  for (const path of [
    ...["src/ids.ts", "src/limits.ts", "src/log/new.ts", "src/client/web/deep.ts"],
    ...["gen/a/b/c_pb.ts", "src/dashboard/theme.css", "src/dashboard/trail/deep/x.tsx"],
    ...["package-lock.json", "tsconfig.json"],
  ]) {
    const file = join(copy, path);
    const before = await readFile(file, "utf8").catch(() => undefined);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, `${before ?? ""} `);
    expect(await isFresh(), path).toBe(false);
    if (before === undefined) await rm(file);
    else await writeFile(file, before);
    expect(await isFresh(), path).toBe(true);
  }
  await writeFile(join(copy, "src/ids.ts"), "export const id = 'team';");
  expect((await build("--if-stale")).said).toBe("building the dashboard…\n");
  expect(await readFile(dist("assets", await script()), "utf8")).toContain("team");

  // What is no source of it.
  await mkdir(join(copy, "src/dashboard/node_modules"));
  await writeFile(join(copy, "src/dashboard/node_modules/x.js"), "");
  await writeFile(join(copy, "src/server.ts"), "");
  expect((await build("--if-stale")).said).toBe("");
});

test("builds at the same time leave one whole build", { timeout }, async () => {
  await build();
  const results = await Promise.all(Array.from({ length: 4 }, () => build()));
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  const name = await script();
  expect(await readFile(dist("index.html"), "utf8")).toContain(name);
  expect((await readdir(dist("assets"))).sort()).toEqual([name, `${name}.br`, `${name}.gz`]);
  expect(await build("--if-stale")).toEqual({ code: 0, said: "" });
  expect(await leftovers()).toEqual([]);
});

test("a build that fails leaves the one before, and a start goes on", { timeout }, async () => {
  await build();
  const before = await readFile(dist("index.html"), "utf8");
  await writeFile(join(copy, "src/dashboard/main.ts"), "this is no script");
  expect(await build("--if-stale")).toMatchObject({
    code: 1,
    said: expect.stringContaining("the dashboard could not be built"),
  });
  expect(await build("--if-stale", "--optional")).toMatchObject({
    code: 0,
    said: expect.stringContaining("the dashboard could not be built"),
  });
  expect(await readFile(dist("index.html"), "utf8")).toBe(before);
  expect(await leftovers()).toEqual([]);
});

test("without development packages a build that is there is served, and none is made", {
  timeout,
}, async () => {
  await build();
  await rm(join(copy, "node_modules"));
  expect(await build("--if-stale", "--optional")).toEqual({ code: 0, said: "" });
  await rm(dist(), { recursive: true });
  expect(await build("--if-stale", "--optional")).toMatchObject({
    code: 0,
    said: expect.stringContaining("Cannot find package 'vite'"),
  });
});
