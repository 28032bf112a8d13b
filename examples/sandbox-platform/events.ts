/** Everything that a platform of sandboxes audits. */

import { defineEvents } from "@annals/client";
import { z } from "zod";

const role = z.enum(["member", "admin", "owner"]);

/** The catalogue; `catalogue.recordTo(recorder)` records it. */
export const catalogue = defineEvents({
  sandbox: {
    create: { metadata: z.object({ template: z.string() }) },
    pause: { description: "Someone paused it." },
    autoPause: {
      action: "pause",
      status: "info",
      actor: "system",
      description: "It was idle, so the platform paused it.",
    },
    resume: {},
    destroy: { status: "warning" },
  },
  snapshot: {
    create: { id: "name" },
    delete: { id: "name", status: "warning" },
  },
  team: {
    rename: { status: "info", metadata: z.object({ old_name: z.string(), new_name: z.string() }) },
  },
  apiKey: {
    create: { metadata: z.object({ name: z.string() }) },
    revoke: { status: "warning" },
  },
  member: {
    add: {
      scope: "admin",
      id: { of: "user" },
      metadata: z.object({ email: z.email(), role }),
    },
    remove: { scope: "admin", status: "warning", id: { of: "user" } },
    leave: {
      scope: "admin",
      status: "info",
      id: { of: "user" },
      actor: "self",
      description: "Someone left the team of their own accord.",
    },
    roleUpdate: {
      scope: "admin",
      status: "info",
      id: { of: "user" },
      metadata: z.object({ new_role: role }),
    },
  },
  host: {
    create: {
      scope: "admin",
      description: "A shared host, too, is logged in the caller's team.",
    },
    delete: {
      scope: "admin",
      status: "warning",
      description: "A shared host, too, is logged in the caller's team.",
    },
    markedDown: { status: "error", actor: "system", description: "It no longer answers." },
    markedUp: { actor: "system", description: "It answers again." },
  },
});

/** The catalogue's events over a recorder: `audit.sandbox.create(…)`. */
export type Audit = ReturnType<typeof catalogue.recordTo>;
