import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SignJWT } from "jose";

/** The team of the development token. */
export const demoTeamId = "team-00000000-0000-7000-8000-000000000001";

const secretFile = "dev-secret";
const tokenFile = "dev-token";

/** Where the development secret of a data directory is, and where its token. */
export function developmentFiles(dataDir: string): { secret: string; token: string } {
  return { secret: join(dataDir, secretFile), token: join(dataDir, tokenFile) };
}

/**
 * Makes the development credentials of an embedded server: a secret that signs JWTs, kept, and a
 * token of a platform admin with the demo team, written anew at each start and good for a year.
 * Both files can be read by their owner only.
 */
export async function developmentCredentials(dataDir: string): Promise<{ secret: string }> {
  const files = developmentFiles(dataDir);
  const secret = await readOrMakeSecret(files.secret);
  const token = await new SignJWT({
    name: "Demo Admin",
    team_id: demoTeamId,
    role: "platform_admin",
  })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("usr-00000000-0000-7000-8000-000000000001")
    .setIssuedAt()
    .setExpirationTime("365 days")
    .sign(Buffer.from(secret));
  await writePrivate(files.token, `${token}\n`);
  return { secret };
}

async function readOrMakeSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    const secret = randomBytes(32).toString("base64url");
    await writePrivate(path, `${secret}\n`);
    return secret;
  }
}

/** Whole or not at all: a reader never sees half a file. */
async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}
