/**
 * Runs the verifier in a realm that has nothing of Node in it: no modules of its own, no globals
 * but those that browsers and Node share. Started by without-node.test.ts with
 * --experimental-vm-modules; reads a walk as JSON from stdin and writes what came out of it.
 */
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createContext, type Module, SourceTextModule } from "node:vm";
import type { recordedFromJson } from "../../../src/client/recorded-json.ts";
import type { Verifier } from "../../../src/client/verify/verifier.ts";

/** What the test sends. */
export interface BareWalk {
  readonly key: string;
  readonly note: string;
  readonly teamId: string;
  readonly lines: readonly string[];
  readonly hasWebCrypto: boolean;
}

const walk: BareWalk = JSON.parse(await text(process.stdin));
const shared = { TextEncoder, TextDecoder, atob, btoa };
const context = createContext(walk.hasWebCrypto ? { ...shared, crypto } : shared);
const loaded = new Map<string, Promise<SourceTextModule>>();

function load(url: string): Promise<SourceTextModule> {
  const module = loaded.get(url) ?? read(url);
  loaded.set(url, module);
  return module;
}

async function read(url: string): Promise<SourceTextModule> {
  if (!url.startsWith("file:")) throw new Error(`${url} is not to be had outside Node`);
  const source = await readFile(fileURLToPath(url), "utf8");
  const code = url.endsWith(".ts") ? stripTypeScriptTypes(source) : source;
  return new SourceTextModule(code, { context, identifier: url });
}

/** The address of an import; every package is below the project's own node_modules. */
function resolve(specifier: string, from: string): string {
  return specifier.startsWith(".") ? new URL(specifier, from).href : import.meta.resolve(specifier);
}

async function evaluate<T>(path: string): Promise<T> {
  const root = await load(resolve(path, import.meta.url));
  await root.link((specifier: string, from: Module) => load(resolve(specifier, from.identifier)));
  await root.evaluate();
  return root.namespace as T;
}

const entries = await evaluate<{ recordedFromJson: typeof recordedFromJson }>(
  "../../../src/client/recorded-json.ts",
);
const verify = await evaluate<{ Verifier: typeof Verifier }>(
  "../../../src/client/verify/verifier.ts",
);
const verifier = new verify.Verifier({ keys: [walk.key] });
const checkpoint = await verifier.verifyCheckpoint(walk.note, walk.teamId);
await verifier.remember(checkpoint, async () => undefined);
const walked = verifier.walk(walk.teamId);
for (const line of walk.lines) walked.addEntry(entries.recordedFromJson(JSON.parse(line)));
const { opened, state } = walked.finish(checkpoint);
process.stdout.write(JSON.stringify({ opened, size: String(state.size) }));
