/** What happens in the demo's world, as entries to record. */
import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import {
  ActorType,
  type AuditEntrySchema,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";
import type { Random } from "./demo-random.ts";
import { type Person, type Program, platformTeam, type Team, type World } from "./demo-world.ts";

/** An entry to record, without id and time. */
export type EntryInit = Exclude<MessageInitShape<typeof AuditEntrySchema>, { $typeName: string }>;

const templates = ["python-3.13", "node-26", "desktop", "playwright", "gpu-cuda-13"];
const purposes = ["build", "agent", "notebook", "review", "eval", "scraper", "preview"];
const roles = ["member", "admin", "owner"];
const system = { type: ActorType.SYSTEM, id: "system" };

/** The next thing that happens; changes the world accordingly. */
export function nextEntry(world: World, random: Random): EntryInit {
  const team = random.pick(world.teams);
  const roll = random.next();
  if (roll < 0.06) return hostEntry(world, random);
  if (roll < 0.13) return loginEntry(team, random);
  if (roll < 0.19) return memberEntry(team, random);
  if (roll < 0.22) return keyEntry(team, random);
  if (roll < 0.3 && team.sandboxes.length > 0) return snapshotEntry(team, random);
  return sandboxEntry(team, random);
}

function sandboxEntry(team: Team, random: Random): EntryInit {
  const few = team.sandboxes.length < 3;
  if (few || (team.sandboxes.length < 25 && random.chance(0.35))) return creation(team, random);
  const sandbox = random.pick(team.sandboxes);
  const resource = { type: "sandbox", id: sandbox.id, name: sandbox.name };
  const teamId = team.id;
  if (random.chance(0.3)) {
    team.sandboxes = team.sandboxes.filter((each) => each !== sandbox);
    const metadata = { reason: random.pick(["finished", "finished", "timeout", "cost_limit"]) };
    const status = EntryStatus.WARNING;
    return { teamId, ...byAnyone(team, random), action: "destroy", resource, status, metadata };
  }
  if (sandbox.state === "paused") {
    sandbox.state = "running";
    const metadata = { resume_ms: random.int(90, 900) };
    return { teamId, ...byAnyone(team, random), action: "resume", resource, metadata };
  }
  sandbox.state = "paused";
  if (random.chance(0.45)) {
    const metadata = { idle_seconds: random.pick([300, 600, 1800]) };
    const status = EntryStatus.INFO;
    return { teamId, actor: system, action: "auto_pause", resource, status, metadata };
  }
  return { teamId, ...byAnyone(team, random), action: "pause", resource };
}

function creation(team: Team, random: Random): EntryInit {
  const name = `${random.pick(purposes)}-${random.hex(4)}`;
  const metadata = {
    template: random.pick(templates),
    vcpus: random.pick([1, 2, 4, 8]),
    memory_mb: random.pick([512, 2048, 4096, 8192]),
  };
  const base = { teamId: team.id, ...byAnyone(team, random), action: "create" };
  if (random.chance(0.08)) {
    const error = random.pick(["quota_exceeded", "no_capacity", "template_not_found"]);
    const status = EntryStatus.ERROR;
    return {
      ...base,
      resource: { type: "sandbox", name },
      status,
      metadata: { ...metadata, error },
    };
  }
  const id = `sb-${random.uuid()}`;
  team.sandboxes.push({ id, name, state: "running" });
  return { ...base, resource: { type: "sandbox", id, name }, metadata };
}

function snapshotEntry(team: Team, random: Random): EntryInit {
  const { id } = random.pick(team.sandboxes);
  team.snapshots += 1;
  const resource = { type: "snapshot", id: `${random.pick(purposes)}-v${team.snapshots}` };
  const metadata = { sandbox_id: id, size_mb: random.int(80, 9_000) };
  return { teamId: team.id, ...byAnyone(team, random), action: "create", resource, metadata };
}

function memberEntry(team: Team, random: Random): EntryInit {
  const member = random.pick(team.people);
  const resource = { type: "user", id: member.id, name: member.name };
  const base = { teamId: team.id, ...by(random.pick(team.people), random), resource };
  if (random.chance(0.5)) {
    const from = random.pick(roles);
    const metadata = { from, to: random.pick(roles.filter((role) => role !== from)) };
    return { ...base, action: "role_update", scope: EntryScope.ADMIN, metadata };
  }
  if (random.chance(0.7)) {
    return { ...base, action: "member.add", metadata: { role: "member", invited: true } };
  }
  return { ...base, action: "member.remove", status: EntryStatus.WARNING };
}

function keyEntry(team: Team, random: Random): EntryInit {
  const { id, name } = random.pick(team.programs);
  return {
    teamId: team.id,
    ...by(random.pick(team.people), random),
    action: "api_key.rotate",
    resource: { type: "api_key", id, name },
    scope: EntryScope.ADMIN,
  };
}

function loginEntry(team: Team, random: Random): EntryInit {
  const person = random.pick(team.people);
  if (random.chance(0.75)) {
    const metadata = { method: random.pick(["sso", "passkey"]) };
    return { teamId: team.id, ...by(person, random), action: "user.login", metadata };
  }
  return {
    teamId: team.id,
    actor: { type: ActorType.ANONYMOUS },
    context: context(person, random),
    action: "user.login",
    scope: EntryScope.ADMIN,
    status: EntryStatus.ERROR,
    metadata: { error: random.pick(["wrong_password", "expired_link", "unknown_user"]) },
  };
}

function hostEntry(world: World, random: Random): EntryInit {
  const host = world.hosts.find(({ up }) => !up) ?? random.pick(world.hosts);
  host.up = !host.up;
  const metadata: JsonObject = host.up
    ? { down_seconds: random.int(20, 600) }
    : { cause: random.pick(["kernel_panic", "power", "network", "maintenance"]) };
  return {
    teamId: platformTeam,
    actor: system,
    action: host.up ? "host.up" : "host.down",
    resource: { type: "host", id: host.id, name: host.name },
    status: host.up ? EntryStatus.INFO : EntryStatus.ERROR,
    metadata,
  };
}

/** Actor and context of a person or, less often, of a program. */
function byAnyone(team: Team, random: Random): Pick<EntryInit, "actor" | "context"> {
  if (random.chance(0.6)) return by(random.pick(team.people), random);
  const program = random.pick(team.programs);
  const { id, name } = program;
  return { actor: { type: ActorType.API_KEY, id, name }, context: context(program, random) };
}

function by(person: Person, random: Random): Pick<EntryInit, "actor" | "context"> {
  const { id, name } = person;
  return { actor: { type: ActorType.USER, id, name }, context: context(person, random) };
}

function context({ ipAddress, userAgent }: Person | Program, random: Random): EntryInit["context"] {
  return { ipAddress, userAgent, requestId: `req-${random.hex(12)}`, traceId: random.hex(32) };
}
