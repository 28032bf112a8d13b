/** `.env` in the current directory, and what of the environment is not from there. */
import { existsSync } from "node:fs";

const fromFile = new Set<string>();

/** Reads `.env`, if there is one, into the environment. What is set already stays. */
export function loadEnvironmentFile(): void {
  if (!existsSync(".env")) return;
  const before = new Set(Object.keys(process.env));
  process.loadEnvFile();
  for (const name of Object.keys(process.env)) if (!before.has(name)) fromFile.add(name);
}

/**
 * A variable as the caller has set it; undefined if it is not set, is empty, or is from `.env`. For
 * what decides over trust: the directory may be one that was sent together with what is checked.
 */
export function callersVariable(name: string): string | undefined {
  return fromFile.has(name) ? undefined : process.env[name] || undefined;
}
