/** A process with a spill, that does what it is told on its standard input, a JSON object a line. */
import { createInterface } from "node:readline";
import { openSpill } from "../../../../src/client/recorder/spill/open-spill.ts";
import type { SpilledEntry } from "../../../../src/client/recorder/spill/spill.ts";

/** What it can be told; each is answered with one line, `run` with many. */
export type Command =
  | { readonly do: "append"; readonly texts: readonly string[] }
  | { readonly do: "read"; readonly settle: boolean }
  | { readonly do: "exit"; readonly texts: readonly string[] }
  | { readonly do: "fill"; readonly size: number }
  | { readonly do: "run"; readonly name: string; readonly settle: boolean };

/** What it says. */
export interface Answer {
  readonly written?: number;
  readonly read?: readonly string[];
  readonly errors?: readonly string[];
  readonly waiting?: number;
  readonly damaged?: number;
}

const [directory = "", tuning = "{}"] = process.argv.slice(2);
const errors: string[] = [];
let damaged = 0;
const spill = openSpill(
  {
    directory,
    maxBytes: 1e9,
    onError: ({ message }) => errors.push(message),
    onDamaged: (entries) => {
      damaged += entries;
    },
  },
  JSON.parse(tuning),
);
await spill.opened;
say({});
for await (const line of createInterface({ input: process.stdin })) {
  await obey(JSON.parse(line) as Command);
}
await spill.close();

async function obey(command: Command): Promise<void> {
  if (command.do === "append") {
    say({ written: await spill.append(command.texts.map(bytesOf)) });
  } else if (command.do === "read") {
    const entries = await readAll();
    say({ read: entries.map(textOf) });
    if (command.settle) for (const entry of entries) spill.settle(entry);
  } else if (command.do === "fill") {
    const entries = Array.from({ length: 100 }, (_, index) => Buffer.alloc(command.size, index));
    say({ written: await spill.append(entries) });
  } else if (command.do === "exit") {
    process.on("exit", () => say({ written: spill.appendSync(command.texts.map(bytesOf)) }));
    process.exit(0);
  } else {
    await run(command.name, command.settle);
  }
}

/** Appends for ever, and says so after each time; reads what there is and says so before it is settled. */
async function run(name: string, settle: boolean): Promise<void> {
  for (let number = 0; ; number += 10) {
    const texts = Array.from({ length: 10 }, (_, index) => `${name}:${number + index}`);
    const written = await spill.append(texts.map(bytesOf));
    say({ written: number + written });
    if (written < texts.length) throw new Error(errors.join());
    if (!settle || number % 50 > 0) continue;
    const entries = await spill.read(200, 1e6);
    say({ read: entries.map(textOf) });
    for (const entry of entries) spill.settle(entry);
  }
}

async function readAll(): Promise<SpilledEntry[]> {
  const all: SpilledEntry[] = [];
  for (;;) {
    const some = await spill.read(100, 1e6);
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** Standard output is a pipe, which is written before this returns. */
function say(answer: Answer): void {
  const { entries } = spill.waiting;
  process.stdout.write(`${JSON.stringify({ errors, waiting: entries, damaged, ...answer })}\n`);
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text);
}

function textOf({ bytes }: SpilledEntry): string {
  return Buffer.from(bytes).toString();
}
