import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { partsOf } from "./verifier-key.ts";

/** The `openssl` program, in a directory of its own. */
export interface OpenSsl extends AsyncDisposable {
  readonly directory: string;
  /** Runs it in the directory; its standard output. Rejects if it fails. */
  run(...args: string[]): Promise<string>;
  /** Whether it verifies a text's signature by a verifier key. */
  verifies(text: string, signature: Uint8Array, vkey: string): Promise<boolean>;
}

const missing = "these tests check signatures with openssl, 3.0 or later, which must be installed";

/** @throws Error if there is none, or one that cannot verify Ed25519 signatures. */
export async function openOpenSsl(): Promise<OpenSsl> {
  await using cleanup = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "annals-test-"));
  cleanup.defer(() => rm(directory, { recursive: true }));
  const run = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)("openssl", args, { cwd: directory });
    return stdout;
  };
  const version = await run("version").catch((cause: unknown) => {
    throw new Error(missing, { cause });
  });
  // Ed25519 signs whole texts (pkeyutl -rawin): new in 3.0, and LibreSSL's does not.
  if (!/^OpenSSL ([3-9]|\d\d)\./.test(version)) throw new Error(`${missing}, not ${version}`);

  const verifies = async (text: string, signature: Uint8Array, vkey: string): Promise<boolean> => {
    const pem = partsOf(vkey).der.toString("base64");
    const file = (name: string) => join(directory, name);
    await writeFile(file("key"), `-----BEGIN PUBLIC KEY-----\n${pem}\n-----END PUBLIC KEY-----\n`);
    await writeFile(file("text"), text);
    await writeFile(file("signature"), signature);
    const files = ["-inkey", "key", "-in", "text", "-sigfile", "signature"];
    try {
      const output = await run("pkeyutl", "-verify", "-rawin", "-pubin", ...files);
      return output.includes("Signature Verified Successfully");
    } catch (error) {
      const { stdout = "" } = error as { stdout?: string };
      if (stdout.includes("Signature Verification Failure")) return false;
      throw error;
    }
  };
  const owned = cleanup.move();
  return {
    directory,
    run,
    verifies,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A note's text and its first signature, by the words of C2SP signed-note and none of our code. */
export function partsOfNote(note: string): { text: string; signature: Buffer } {
  const split = note.lastIndexOf("\n\n");
  const [line = ""] = note.slice(split + 2).split("\n");
  const signature = Buffer.from(line.split(" ")[2] ?? "", "base64").subarray(4);
  return { text: note.slice(0, split + 1), signature };
}
