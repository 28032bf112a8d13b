import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { SignJWT } from "jose";
import { formatVerifierKey } from "../log/note.ts";
import {
  formatSigningKey,
  makeSigningKey,
  parseSigningKey,
  type SigningKey,
} from "../log/signing-key.ts";

/** The team of the development token. */
export const demoTeamId = "team-00000000-0000-7000-8000-000000000001";

const secretFile = "dev-secret";
const tokenFile = "dev-token";
const signingKeyFile = "signing-key";
const verifierKeyFile = "verifier-key";

/** Where the development secret of a data directory is, and where its token. */
export function developmentFiles(dataDir: string): { secret: string; token: string } {
  return { secret: join(dataDir, secretFile), token: join(dataDir, tokenFile) };
}

/**
 * How the CLI is called in another terminal, in this directory, so that it finds a server on this
 * machine and its token. Example: `ANNALS_URL=http://127.0.0.1:9000 npx annals`
 */
export function annalsCommand(url: string, dataDir: string): string {
  const settings = [
    ...(url === "http://127.0.0.1:8080" ? [] : [`ANNALS_URL=${url}`]),
    ...(resolve(dataDir) === resolve("data") ? [] : [`DATA_DIR=${dataDir}`]),
  ];
  return [...settings, "npx annals"].join(" ");
}

/**
 * Makes the development credentials of an embedded server: a secret that signs JWTs, kept, and a
 * token of a platform admin with the demo team, written anew at each start and good for a year.
 * Both files can be read by their owner only.
 */
export async function developmentCredentials(dataDir: string): Promise<{ secret: string }> {
  const files = developmentFiles(dataDir);
  const secret = await readOrMake(files.secret, () => randomBytes(32).toString("base64url"));
  const token = await developmentToken(secret, "365 days");
  await writeWhole(files.token, `${token}\n`, 0o600);
  return { secret };
}

/**
 * A link that opens the dashboard at the given address and signs in there: the token is in the
 * fragment, which browsers send nowhere.
 */
export function signInLink(page: string, token: string, team?: string): string {
  const link = new URL("/", page);
  if (team !== undefined) link.searchParams.set("team", team);
  link.hash = `token=${encodeURIComponent(token)}`;
  return link.href;
}

/**
 * A token for one such link: the development token's claims, good for 12 hours.
 *
 * @throws Error with code ENOENT if no server has made a secret in the directory yet.
 */
export async function signInToken(dataDir: string): Promise<string> {
  const secret = (await readFile(developmentFiles(dataDir).secret, "utf8")).trim();
  return developmentToken(secret, "12 hours");
}

function developmentToken(secret: string, lifetime: string): Promise<string> {
  return new SignJWT({
    name: "Demo Admin",
    team_id: demoTeamId,
    role: "platform_admin",
  })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("usr-00000000-0000-7000-8000-000000000001")
    .setIssuedAt()
    .setExpirationTime(lifetime)
    .sign(Buffer.from(secret));
}

/** Where the signing key of a data directory is, and the key that verifies its signatures. */
export function keyFiles(dataDir: string): { signing: string; verifier: string } {
  return { signing: join(dataDir, signingKeyFile), verifier: join(dataDir, verifierKeyFile) };
}

/**
 * The signing key of an embedded server that has none configured: made once, kept, readable by its
 * owner only. Without a name it gets one that no other has: two directories have different logs.
 *
 * @throws Error if the file holds something else, which is never overwritten.
 */
export async function developmentSigningKey(
  dataDir: string,
  name = `localhost/annals-${randomBytes(4).toString("hex")}`,
): Promise<SigningKey> {
  const path = keyFiles(dataDir).signing;
  await readOrMake(path, () => formatSigningKey(makeSigningKey(name)));
  return readSigningKey(path);
}

/** @throws Error if there is no key in the file, without repeating what is. */
export async function readSigningKey(path: string): Promise<SigningKey> {
  try {
    return parseSigningKey((await readFile(path, "utf8")).trim());
  } catch (cause) {
    throw new Error(`there is no signing key in ${path}`, { cause });
  }
}

/** Writes the key that verifies a server's checkpoints where a developer finds it. */
export async function writeVerifierKey(dataDir: string, { verifier }: SigningKey): Promise<void> {
  await writeWhole(keyFiles(dataDir).verifier, `${formatVerifierKey(verifier)}\n`, 0o644);
}

async function readOrMake(path: string, make: () => string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    const secret = make();
    await writeWhole(path, `${secret}\n`, 0o600);
    return secret;
  }
}

/** Whole or not at all: a reader never sees half a file, nor does the next start after a crash. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode, flush: true });
  await rename(draft, path);
}
