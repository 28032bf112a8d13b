/** A platform of sandboxes, in memory: each thing that it does, and the event that says so. */
import { randomUUID } from "node:crypto";
import type { Audit } from "./events.ts";

export type SandboxId = `sb-${string}`;
export type UserId = `usr-${string}`;
export type TeamId = `team-${string}`;
export type HostId = `host-${string}`;
export type KeyId = `key-${string}`;
export type Role = "member" | "admin" | "owner";

/** Something was asked that the platform cannot do. */
export class Refused extends Error {}

/** The platform. Its callers' actor and team are in the context that surrounds each call. */
export class Platform {
  readonly #audit: Audit;
  readonly #sandboxes = new Map<SandboxId, "running" | "paused">();
  readonly #teamNames = new Map<TeamId, string>();

  constructor(audit: Audit) {
    this.#audit = audit;
  }

  createSandbox(template: string): SandboxId {
    if (!/^[a-z0-9.-]+$/.test(template)) {
      this.#audit.sandbox.create(null, { template }, { status: "error" });
      throw new Refused("there is no such template");
    }
    const id: SandboxId = `sb-${randomUUID()}`;
    this.#sandboxes.set(id, "running");
    this.#audit.sandbox.create(id, { template });
    return id;
  }

  pauseSandbox(id: SandboxId): void {
    this.#change(id, "running", "paused");
    this.#audit.sandbox.pause(id);
  }

  resumeSandbox(id: SandboxId): void {
    this.#change(id, "paused", "running");
    this.#audit.sandbox.resume(id);
  }

  destroySandbox(id: SandboxId): void {
    if (!this.#sandboxes.delete(id)) throw new Refused("there is no such sandbox");
    this.#audit.sandbox.destroy(id);
  }

  /** Run by a timer, on nobody's request: so it has to say in which team's log. */
  pauseIdleSandbox(id: SandboxId, teamId: TeamId): void {
    this.#change(id, "running", "paused");
    this.#audit.sandbox.autoPause(id, { teamId });
  }

  createSnapshot(name: string): void {
    this.#audit.snapshot.create(name);
  }

  deleteSnapshot(name: string): void {
    this.#audit.snapshot.delete(name);
  }

  renameTeam(id: TeamId, new_name: string): void {
    const old_name = this.#teamNames.get(id) ?? "";
    this.#teamNames.set(id, new_name);
    this.#audit.team.rename(id, { old_name, new_name });
  }

  createApiKey(name: string): KeyId {
    const id: KeyId = `key-${randomUUID()}`;
    this.#audit.apiKey.create(id, { name });
    return id;
  }

  revokeApiKey(id: KeyId): void {
    this.#audit.apiKey.revoke(id);
  }

  addMember(user: UserId, email: string, role: Role): void {
    this.#audit.member.add(user, { email, role });
  }

  changeRole(user: UserId, new_role: Role): void {
    this.#audit.member.roleUpdate(user, { new_role });
  }

  /** Someone removes somebody, or leaves. */
  removeMember(user: UserId, by: UserId): void {
    if (user === by) this.#audit.member.leave(user);
    else this.#audit.member.remove(user);
  }

  createHost(): HostId {
    const id: HostId = `host-${randomUUID()}`;
    this.#audit.host.create(id);
    return id;
  }

  deleteHost(id: HostId): void {
    this.#audit.host.delete(id);
  }

  /** Told by the monitor, on nobody's request. */
  hostAnswers(id: HostId, answers: boolean, teamId: TeamId): void {
    if (answers) this.#audit.host.markedUp(id, { teamId });
    else this.#audit.host.markedDown(id, { teamId });
  }

  #change(id: SandboxId, from: "running" | "paused", to: "running" | "paused"): void {
    if (this.#sandboxes.get(id) !== from) throw new Refused(`there is no such sandbox ${from}`);
    this.#sandboxes.set(id, to);
  }
}
