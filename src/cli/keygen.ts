/** `annals keygen`: the key that signs checkpoints, and the one that verifies them. */
import { open } from "node:fs/promises";
import { Command } from "commander";
import { formatVerifierKey, isPlainKeyName } from "../log/note.ts";
import { UsageError } from "./failure.ts";
import { print } from "./output.ts";
import { requireFilePlace } from "./output-path.ts";
import { plainText } from "./plain-text.ts";

interface KeygenFlags {
  origin?: string;
  out?: string;
  public?: boolean;
}

/** The command. It talks to no server. */
export function keygenCommand(): Command {
  return new Command("keygen")
    .description("make a key that signs checkpoints, or show the one that verifies them")
    .option(
      "--origin <name>",
      "the key's name, with which checkpoints begin, such as audit.example.com " +
        "(by default CHECKPOINT_ORIGIN)",
    )
    .option("--out <file>", "write the private key to a new file, and print the verifier key only")
    .option("--public", "print the verifier key of the configured key, and make none")
    .addHelpText("after", help)
    .action((flags: KeygenFlags) => (flags.public ? showVerifierKey(flags) : makeKey(flags)));
}

const help = `
The private key goes into CHECKPOINT_KEY, or its file into CHECKPOINT_KEY_FILE. Keep it out of the
database's reach: who has it can sign another log. Give the verifier key to whoever verifies.`;

async function makeKey({ origin, out }: KeygenFlags): Promise<void> {
  const { formatSigningKey, makeSigningKey } = await import("../log/signing-key.ts");
  const name = origin ?? (process.env.CHECKPOINT_ORIGIN || undefined);
  if (name === undefined) throw new UsageError("--origin, or CHECKPOINT_ORIGIN, is required");
  if (!isPlainKeyName(name)) {
    throw new UsageError(
      "--origin: must be printable ASCII, begin with a letter or digit, and have no blank or +",
    );
  }
  if (out !== undefined) await requireFilePlace(out);
  const key = makeSigningKey(name);
  const verifierKey = formatVerifierKey(key.verifier);
  if (out === undefined) {
    await print(`private key:  ${formatSigningKey(key)}\nverifier key: ${verifierKey}\n`);
    return;
  }
  await writeNew(out, `${formatSigningKey(key)}\n`);
  await print(`${verifierKey}\n`);
}

/** Never over a file: it could be the key that all checkpoints so far were signed with. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await using file = await open(path, "wx", 0o600);
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (exists) throw new UsageError(`${path} exists already, and is not replaced`);
    throw error;
  }
}

async function showVerifierKey({ origin, out }: KeygenFlags): Promise<void> {
  if (origin !== undefined || out !== undefined) {
    throw new UsageError("--public shows the configured key: without --origin and --out");
  }
  const { loadStorageConfig } = await import("../config.ts");
  const { configuredKey } = await import("../server/checkpoints.ts");
  const { verifier } = await configuredKey(loadStorageConfig(process.env));
  await print(`${plainText(formatVerifierKey(verifier))}\n`);
}
