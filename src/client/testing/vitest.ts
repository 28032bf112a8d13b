/**
 * `@annals/client/testing/vitest`: the matchers, and their types for vitest's `expect`.
 *
 * @module testing/vitest
 */
import type {} from "vitest";
import type { AuditMatchers } from "./audit-matchers.ts";

export { auditMatchers } from "./audit-matchers.ts";

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown>
    extends AuditMatchers<R> {}
}
