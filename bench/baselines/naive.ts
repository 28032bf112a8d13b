import { type Program, startProgram } from "../program.ts";
import { jwtSecret } from "../token.ts";
import { createNaiveTable } from "./naive-store.ts";

/** The two naive services. */
export type NaiveKind = "connect" | "grpc";

/** Sessions of the pool. Of 8, 16, 32 and 64 the number with which it is fastest on two cores. */
const sessions = 16;

/**
 * Starts a naive service as a process of its own, on a migrated database, where it makes its table
 * {@link naiveTable} if that is not there. It takes tokens of `token.ts`.
 */
export async function startNaive(
  databaseUrl: string,
  kind: NaiveKind = "connect",
  pool: number = sessions,
): Promise<Program> {
  await createNaiveTable(databaseUrl);
  return startProgram(new URL(`./naive-${kind}.ts`, import.meta.url), {
    DATABASE_URL: databaseUrl,
    AUTH_JWT_SECRET: jwtSecret,
    POOL: String(pool),
  });
}
