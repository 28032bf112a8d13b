/** Everything that the operator of a fleet of machines does to it. */

import { defineEvents } from "@annals/client";
import { z } from "zod";

const revision = z.int().nonnegative();

/** The catalogue; `catalogue.recordTo(recorder)` records it. */
export const catalogue = defineEvents({
  secret: {
    set: {
      scope: "admin",
      id: "name",
      metadata: z.object({ version: revision }),
      description: "The value itself is never recorded.",
    },
    delete: { scope: "admin", id: "name", status: "warning" },
    list: { scope: "admin", id: "none", status: "info", metadata: z.object({ listed: z.int() }) },
    rotate: { scope: "admin", id: "name", metadata: z.object({ version: revision }) },
  },
  policy: {
    add: { scope: "admin", id: "name", metadata: z.object({ effect: z.enum(["allow", "deny"]) }) },
    delete: { scope: "admin", id: "name", status: "warning" },
  },
  app: {
    apply: {
      id: "name",
      metadata: z.object({ revision, changed: z.array(z.string()).max(50).default([]) }),
    },
    rollback: {
      id: "name",
      status: "warning",
      metadata: z.object({ revision, to_revision: revision, reason: z.string().optional() }),
    },
  },
  agent: {
    register: { metadata: z.object({ version: z.string() }) },
    drain: { status: "warning" },
  },
  backup: {
    create: { id: "name", actor: "system", metadata: z.object({ size_bytes: z.int() }) },
    restore: { id: "name", scope: "admin", status: "warning" },
  },
});

/** The catalogue's events over a recorder: `audit.secret.set(…)`. */
export type Audit = ReturnType<typeof catalogue.recordTo>;
