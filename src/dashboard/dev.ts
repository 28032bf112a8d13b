/**
 * Serves the dashboard from its sources with hot reload, for working on it: `npm run dev`. The calls
 * go on to a running Annals server, the one at `ANNALS_URL`; a sign-in link is printed as
 * `annals dashboard` makes it, whose flags may be given.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createServer } from "vite";

const server = await createServer({
  configFile: join(import.meta.dirname, "vite.config.ts"),
  // A build that runs meanwhile writes its files there.
  server: { watch: { ignored: ["**/.build-*/**"] } },
});
await server.listen();
const page = server.resolvedUrls?.local[0];
if (page === undefined) throw new Error("Vite does not say where it listens");
const cli = join(import.meta.dirname, "../cli/main.ts");
const args = [cli, "dashboard", "--page", page, ...process.argv.slice(2)];
// Without a credential there is no link; the page then asks for one.
await once(spawn(process.execPath, args, { stdio: "inherit" }), "close");
process.stdout.write(`The page is at ${page}; Ctrl-C ends this.\n`);
