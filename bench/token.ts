import { randomBytes, randomUUID } from "node:crypto";
import { SignJWT } from "jose";

/** The secret of the JWTs that all servers of this run accept: `AUTH_JWT_SECRET`. */
export const jwtSecret = randomBytes(24).toString("hex");

const admin = `usr-${randomUUID()}`;

/** The JWT of a platform admin, always the same one, good for six hours. */
export function adminToken(): Promise<string> {
  return signToken(admin, { role: "platform_admin" });
}

/** A JWT of someone with these claims beside `sub`, good for six hours. */
export function signToken(
  subject: string,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime("6 hours")
    .sign(Buffer.from(jwtSecret));
}
