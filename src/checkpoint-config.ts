import { readFileSync } from "node:fs";
import type { Environment } from "./environment.ts";
import { isPlainKeyName, NoteError } from "./log/note.ts";
import { parseSigningKey, type SigningKey } from "./log/signing-key.ts";

/** How checkpoints are signed. What is absent, the embedded default makes in its directory. */
export interface CheckpointConfig {
  /** Without one, nothing is signed in production. */
  readonly key?: SigningKey;
  /** The name that a key must have. */
  readonly origin?: string;
  /** The directory of the last signed heads. */
  readonly store?: string;
  /** How often logs that have grown are signed unasked; 0 for never. */
  readonly intervalMs: number;
}

/** The settings as they were read; mistakes name their variables and repeat nothing of a key. */
export function readCheckpointConfig(
  raw: (name: keyof Environment) => string | undefined,
  production: boolean,
): { readonly read: Omit<CheckpointConfig, "intervalMs">; readonly mistakes: readonly string[] } {
  const mistakes: string[] = [];
  const key = readKey(raw("CHECKPOINT_KEY"), raw("CHECKPOINT_KEY_FILE"), mistakes);
  const origin = raw("CHECKPOINT_ORIGIN");
  const store = raw("CHECKPOINT_STORE");
  if (origin !== undefined && !isPlainKeyName(origin)) {
    mistakes.push(`CHECKPOINT_ORIGIN: ${plainNameRule}`);
  } else if (origin !== undefined && key !== undefined && key.verifier.name !== origin) {
    mistakes.push(`CHECKPOINT_ORIGIN: the key is named ${key.verifier.name}`);
  }
  const hasKey = keyNames.some((name) => raw(name) !== undefined);
  if (production && hasKey && store === undefined) {
    mistakes.push("CHECKPOINT_STORE: is required: a production server does not sign without it");
  }
  if (production && !hasKey && store !== undefined) {
    mistakes.push(`CHECKPOINT_STORE: is of no use without ${keyNames.join(" or ")}`);
  }
  const read = {
    ...(key === undefined ? {} : { key }),
    ...(origin === undefined ? {} : { origin }),
    ...(store === undefined ? {} : { store }),
  };
  return { read, mistakes };
}

const plainNameRule =
  "must be printable ASCII, begin with a letter or digit, and have no blank or +";
const keyNames = ["CHECKPOINT_KEY", "CHECKPOINT_KEY_FILE"] as const;

function readKey(
  text: string | undefined,
  file: string | undefined,
  mistakes: string[],
): SigningKey | undefined {
  if (text !== undefined && file !== undefined) {
    mistakes.push(`${keyNames.join(", ")}: only one may be set`);
    return undefined;
  }
  if (text === undefined && file === undefined) return undefined;
  try {
    const key = parseSigningKey((file === undefined ? (text ?? "") : readKeyFile(file)).trim());
    if (!isPlainKeyName(key.verifier.name)) throw new NoteError(`its name ${plainNameRule}`);
    return key;
  } catch (error) {
    const name = file === undefined ? keyNames[0] : keyNames[1];
    mistakes.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** An error of the file system repeats the path, which may be a key in the wrong variable. */
function readKeyFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
    throw new Error(`the file cannot be read${code}`);
  }
}
