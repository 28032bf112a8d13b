import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCheckpoints, type TestCheckpoints } from "../support/checkpoints.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type InstalledPackage, installPackage, root, run } from "./installed-package.ts";

let installed: InstalledPackage;

beforeAll(async () => {
  installed = await installPackage();
}, 180_000);

afterAll(() => installed?.[Symbol.asyncDispose]());

const readJson = async (path: string) => JSON.parse(await readFile(path, "utf8"));

/** The package's files, by their paths in it. */
async function files(): Promise<string[]> {
  const entries = await readdir(installed.directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name));
  return paths.map((path) => path.slice(installed.directory.length + 1));
}

/** What the modules that begin with one of the package's import, and they themselves. */
async function importGraph(entry: string): Promise<{ modules: string[]; packages: Set<string> }> {
  const modules = [entry];
  const packages = new Set<string>();
  for (const path of modules) {
    const code = await readFile(join(installed.directory, path), "utf8");
    for (const [, specifier = ""] of code.matchAll(
      /(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g,
    )) {
      const target = specifier.startsWith(".") ? join(path, "..", specifier) : undefined;
      if (target === undefined) packages.add(specifier);
      else if (!modules.includes(target)) modules.push(target);
    }
  }
  return { modules, packages };
}

describe("the package, installed", () => {
  test("brings the runtimes of Connect and Protobuf, and noble's hashes and curve", async () => {
    const lock = await readJson(join(installed.project, "package-lock.json"));
    expect(Object.keys(lock.packages).sort()).toEqual(
      [
        "",
        "node_modules/@annals/client",
        "node_modules/@bufbuild/protobuf",
        "node_modules/@connectrpc/connect",
        "node_modules/@connectrpc/connect-node",
        "node_modules/@connectrpc/connect-web",
        "node_modules/@noble/ed25519",
        "node_modules/@noble/hashes",
      ].sort(),
    );
    await run("npm", ["ls", "--all", "--prefix", installed.project], { cwd: installed.project });
  });

  test("holds the client with its license and no code of the server", async () => {
    const paths = await files();
    expect(paths).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
    const places = paths.map(
      (path) => /^(gen|src\/client|src\/log)\/|^[^/]+$/.exec(path)?.[0] ?? path,
    );
    expect(new Set(places)).toEqual(
      new Set([
        ...["LICENSE", "README.md", "package.json", "gen/", "src/client/", "src/log/"],
        ...["src/ids.js", "src/ids.d.ts", "src/limits.js", "src/limits.d.ts"],
      ]),
    );
  });

  test("does nothing when it is imported", async () => {
    const script = `
      const state = () => [...process.eventNames(), ...Reflect.ownKeys(globalThis)].map(String);
      // Node makes its fetch, and a global for that, when it is first asked for it.
      new Headers();
      const before = state();
      for (const entry of ["", "/web", "/verify", "/testing"]) await import("@annals/client" + entry);
      console.log(JSON.stringify(state().filter((name) => !before.includes(name))));
    `;
    for (const node of [installed.oldestNode, process.execPath]) {
      const output = await run(node, ["--input-type=module", "--eval", script], {
        cwd: installed.project,
      });
      expect(JSON.parse(output)).toEqual([]);
    }
  });

  test("has the version and the ranges of the repository, and can be published", async () => {
    const manifest = await readJson(join(installed.directory, "package.json"));
    const repository = await readJson(join(root, "package.json"));
    expect(manifest).toMatchObject({
      version: repository.version,
      license: repository.license,
      sideEffects: false,
      engines: { node: ">=22" },
    });
    expect(manifest).not.toHaveProperty("private");
    const { "@connectrpc/connect-web": web, ...shared } = manifest.dependencies;
    expect(web).toBe(shared["@connectrpc/connect"]);
    expect(repository.dependencies).toMatchObject(shared);
    expect(Object.keys(manifest.peerDependenciesMeta)).toEqual(
      Object.keys(manifest.peerDependencies),
    );
  });

  test("keeps out of the way of what it never imports: npm refuses peers that are out of range", async () => {
    const { peerDependencies } = await readJson(join(installed.directory, "package.json"));
    for (const range of Object.values(peerDependencies)) expect(range).toMatch(/^>=[\d.]+$/);
  });

  test("is not built over a directory that holds something else", async () => {
    const built = run(process.execPath, [join(root, "src/client/build.ts"), installed.project]);
    await expect(built).rejects.toThrow("holds no build");
    expect(await readdir(installed.project)).toContain("package-lock.json");
  });

  test.each(["nodenext", "bundler"])("compiles with strict settings: %s", async (resolution) => {
    const shared = {
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      ...{ skipLibCheck: false, target: "es2022", rootDir: "." },
      ...(resolution === "nodenext" ? { module: "nodenext" } : { module: "esnext" }),
      moduleResolution: resolution,
    };
    const types = { typeRoots: [join(root, "node_modules/@types")], types: ["node"] };
    const service = { ...shared, ...types, lib: ["es2022", "dom"], outDir: `out-${resolution}` };
    const page = { ...shared, types: [], lib: ["es2022", "dom"], noEmit: true };
    await typecheck("service.ts", service);
    await typecheck("page.ts", page);
  });

  test("has a README whose examples compile with strict settings", async () => {
    const readme = await readFile(join(installed.directory, "README.md"), "utf8");
    const examples = Array.from(
      readme.matchAll(/^```ts\n([\s\S]*?)^```/gm),
      ([, code = ""]) => code,
    );
    expect(examples).toHaveLength(2);
    const types = { typeRoots: [join(root, "node_modules/@types")], types: ["node"] };
    const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: true };
    for (const example of examples) {
      await writeFile(join(installed.project, "readme.ts"), example);
      const options = { ...types, ...strict, noEmit: true };
      await typecheck("readme.ts", { ...options, module: "nodenext", target: "esnext" });
    }
  });

  async function typecheck(file: string, compilerOptions: object): Promise<void> {
    const config = join(installed.project, "tsconfig.json");
    await writeFile(config, JSON.stringify({ compilerOptions, files: [file] }));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    expect(await run(process.execPath, [tsc, "--project", config])).toBe("");
  }
});

describe("a service that has it installed", () => {
  let checkpoints: TestCheckpoints;
  let server: TestServer;

  beforeAll(async () => {
    checkpoints = await createCheckpoints();
    server = await startTestServer({ env: checkpoints.env });
  });

  afterAll(async () => {
    await server.close();
    await checkpoints[Symbol.asyncDispose]();
  });

  test.each(["oldest", "current"])("records, reads and verifies on the %s Node", async (which) => {
    const teamId = `team-${crypto.randomUUID()}`;
    const token = await server.jwt({ role: "service", teamId, grants: ["read_admin"] });
    const node = which === "oldest" ? installed.oldestNode : process.execPath;
    const script = join(installed.project, "out-nodenext/service.js");
    const env = { ANNALS_URL: server.url, ANNALS_TOKEN: token };
    expect(JSON.parse(await run(node, ["--no-deprecation", script], { env }))).toEqual({
      node: which === "oldest" ? expect.stringMatching(/^v22\./) : process.version,
      flushed: true,
      all: ["1 login", "2 create"],
      last: expect.objectContaining({
        actor: { type: "system", id: "system" },
        resource: { type: "vm", id: "vm-1" },
        context: { requestId: "r-1" },
      }),
      collected: 1,
      size: "2",
      forged: "wrong_origin",
    });
  });
});

describe("the web part", () => {
  test("imports nothing of Node", async () => {
    const { modules, packages } = await importGraph("src/client/web.js");
    expect(modules).toContain("src/client/verify/verifier.js");
    expect([...packages].filter((name) => /^node:|connect-node/.test(name))).toEqual([]);
    for (const path of modules) {
      const text = await readFile(join(installed.directory, path), "utf8");
      const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
      expect([path, /\b(?:Buffer|process|setImmediate|__dirname)\b\s*[.(]/.exec(code)]).toEqual([
        path,
        null,
      ]);
    }
  });

  test("is at most 60 kB with the verifier, bundled by Vite and compressed", async () => {
    const result = await build({
      root: installed.project,
      configFile: false,
      logLevel: "silent",
      build: {
        write: false,
        rolldownOptions: {
          input: join(installed.project, "page.ts"),
          preserveEntrySignatures: "strict",
        },
      },
    });
    const outputs = (Array.isArray(result) ? result : [result]).flatMap((each) =>
      "output" in each ? each.output : [],
    );
    const code = outputs.map((each) => (each.type === "chunk" ? each.code : "")).join("");
    expect(code.includes("exclude one another")).toBe(true);
    expect(/__vite-browser-external|["']node:/.exec(code)).toBe(null);
    expect(gzipSync(code).length).toBeLessThanOrEqual(60_000);
  });
});
