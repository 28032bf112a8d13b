/** What the operator can do. Each command would do its work first, and then says that it did. */
import type { Audit } from "./events.ts";

/** Does what it is named after, with the arguments of the command line. */
export type Command = (audit: Audit, name: string, ...rest: readonly string[]) => void;

/** Agents have opaque ids: the platform has registered no prefix for them. */
export const commands: Readonly<Record<string, Command>> = {
  "secret set": (audit, name, version) => audit.secret.set(name, { version: Number(version) }),
  "secret delete": (audit, name) => audit.secret.delete(name),
  "secret list": (audit, count) => audit.secret.list({ listed: Number(count) }),
  "secret rotate": (audit, name, version) => {
    audit.secret.rotate(name, { version: Number(version) });
  },
  "policy add": (audit, name, effect) => {
    audit.policy.add(name, { effect: effect === "allow" ? "allow" : "deny" });
  },
  "policy delete": (audit, name) => audit.policy.delete(name),
  "app apply": (audit, name, revision, ...changed) => {
    audit.app.apply(name, { revision: Number(revision), changed });
  },
  "app rollback": (audit, name, revision, to, reason) => {
    audit.app.rollback(name, { revision: Number(revision), to_revision: Number(to), reason });
  },
  "agent register": (audit, id, version = "unknown") => audit.agent.register(id, { version }),
  "agent drain": (audit, id) => audit.agent.drain(id),
  "backup create": (audit, name, size) => audit.backup.create(name, { size_bytes: Number(size) }),
  "backup restore": (audit, name) => audit.backup.restore(name),
};
