import { readFileSync } from "node:fs";
import type { Environment } from "./environment.ts";
import { isKeyName } from "./log/note.ts";
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
  if (origin !== undefined && !isKeyName(origin)) {
    mistakes.push("CHECKPOINT_ORIGIN: must not have white space or + in it");
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
  try {
    if (file !== undefined) return parseSigningKey(readFileSync(file, "utf8").trim());
    return text === undefined ? undefined : parseSigningKey(text.trim());
  } catch (error) {
    const name = file === undefined ? keyNames[0] : keyNames[1];
    mistakes.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
