/**
 * Makes what is published: `npm run build -w @annals/client`. Takes another directory than `dist` as its
 * argument. JavaScript and declarations by tsc, and a package.json that names those.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../..");
const output = resolve(process.argv[2] ?? join(here, "dist"));

removeEarlier();
compile();
writeFileSync(join(output, "package.json"), `${JSON.stringify(publishedManifest(), null, 2)}\n`);
copyFileSync(join(here, "README.md"), join(output, "README.md"));
copyFileSync(join(root, "LICENSE"), join(output, "LICENSE"));

/** Removes what an earlier build made; of a directory that was named, nothing else. */
function removeEarlier(): void {
  const isNamed = process.argv[2] !== undefined && existsSync(output);
  if (isNamed && !existsSync(join(output, "src/client/index.js"))) {
    throw new Error(`${output} is there and holds no build`);
  }
  rmSync(output, { recursive: true, force: true });
}

function compile(): void {
  const typescript = dirname(fileURLToPath(import.meta.resolve("typescript/package.json")));
  const tsc = join(typescript, "bin", "tsc");
  const project = join(here, "tsconfig.build.json");
  const run = spawnSync(process.execPath, [tsc, "--project", project, "--outDir", output], {
    stdio: "inherit",
  });
  if (run.status !== 0) process.exit(1);
}

/** The manifest of the workspace, with the entry points as they are compiled. */
function publishedManifest(): object {
  const manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  const { private: _private, scripts: _scripts, exports, ...rest } = manifest;
  const compiled = Object.entries<string>(exports).map(([name, source]) => {
    const path = `./${relative(root, join(here, source)).replace(/\.ts$/, "")}`;
    return [name, { types: `${path}.d.ts`, default: `${path}.js` }];
  });
  return { ...rest, exports: Object.fromEntries(compiled) };
}
