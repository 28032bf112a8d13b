import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { LaunchOptions } from "playwright-core";

/**
 * How to start a Chromium: on Linux x64 the one that npm brings along, with its own fonts and
 * libraries, elsewhere an installed Chrome.
 */
export async function chromiumLaunch(): Promise<LaunchOptions> {
  if (process.platform !== "linux" || process.arch !== "x64") return { channel: "chrome" };
  const home = await unpacked();
  return {
    executablePath: join(home, "chromium"),
    env: {
      ...process.env,
      FONTCONFIG_FILE: join(home, fontsFile),
      LD_LIBRARY_PATH: join(home, "al2023", "lib"),
    },
  };
}

/** The package's own looks for fonts where function services have them; without any, text has no width. */
const fontsFile = "annals-fonts.conf";
const fontsConfig = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir></fontconfig>
`;

/** The package's archives are unpacked once for each of its versions, beside the other caches of tools. */
async function unpacked(): Promise<string> {
  const require = createRequire(import.meta.url);
  const entry = require.resolve("@sparticuz/chromium");
  const root = entry.slice(
    0,
    entry.lastIndexOf("@sparticuz/chromium") + "@sparticuz/chromium".length,
  );
  const { version } = require(join(root, "package.json")) as { version: string };
  const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));
  const home = join(cache, `annals-browser-${version}`);
  if (existsSync(home)) return home;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, "annals-browser-"));
  // It unpacks into the system's temporary directory, and its libraries only where it sees a
  // function service: a process of its own is told that both are so.
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", unpack], {
    cwd: dirname(entry),
    env: { ...process.env, TMPDIR: draft, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x" },
  });
  await writeFile(join(draft, fontsFile), fontsConfig);
  await rename(draft, home).catch(async (error: unknown) => {
    await rm(draft, { recursive: true });
    // Another run was faster.
    if (!existsSync(home)) throw error;
  });
  return home;
}

const unpack = `
  const { default: chromium } = await import("@sparticuz/chromium");
  await chromium.executablePath();
`;
