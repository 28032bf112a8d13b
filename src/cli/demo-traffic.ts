/** What happens in the demo's world, as the events of the sandbox platform's catalogue. */
import { type Audit, catalogue } from "../../examples/sandbox-platform/events.ts";
import type { NewEntry } from "../client/new-entry.ts";
import { by, byAnyone, contextOf } from "./demo-actors.ts";
import type { Random } from "./demo-random.ts";
import { platformTeam, type Team, type World } from "./demo-world.ts";

const templates = ["python-3.13", "node-26", "desktop", "playwright", "gpu-cuda-13"];
const purposes = ["build", "agent", "notebook", "review", "eval", "scraper", "preview"];
const roles = ["member", "admin", "owner"] as const;
const newcomers = ["Alan Turing", "Hedy Lamarr", "Katherine Johnson", "Niklaus Wirth", "李 明"];

/** Something that happens; records it. */
type Happening = (audit: Audit, team: Team, random: Random) => void;

/** The next thing that happens, as an entry without id and time; changes the world accordingly. */
export function nextEntry(world: World, random: Random): NewEntry {
  const team = random.pick(world.teams);
  const roll = random.next();
  if (roll < 0.07) return loginEntry(team, random);
  return recordedBy((audit) => {
    if (roll < 0.13) hostHappening(audit, world, random);
    else if (roll < 0.2) memberHappening(audit, team, random);
    else if (roll < 0.24) keyHappening(audit, team, random);
    else if (roll < 0.25) renaming(audit, team, random);
    else if (roll < 0.33) snapshotHappening(audit, team, random);
    else sandboxHappening(audit, team, random);
  });
}

/** The one entry that is recorded. */
function recordedBy(happen: (audit: Audit) => void): NewEntry {
  const entries: NewEntry[] = [];
  const refuse = () => Promise.reject(new Error("nobody waits for the demo's entries"));
  happen(catalogue.recordTo({ record: (entry) => entries.push(entry), recordAndWait: refuse }));
  const [entry] = entries;
  if (entry === undefined) throw new Error("nothing happened");
  return entry;
}

const sandboxHappening: Happening = (audit, team, random) => {
  const few = team.sandboxes.length < 3;
  if (few || (team.sandboxes.length < 25 && random.chance(0.35))) {
    creation(audit, team, random);
    return;
  }
  const sandbox = random.pick(team.sandboxes);
  const options = { ...byAnyone(team, random), resourceName: sandbox.name };
  if (random.chance(0.3)) {
    team.sandboxes = team.sandboxes.filter((each) => each !== sandbox);
    audit.sandbox.destroy(sandbox.id, options);
  } else if (sandbox.state === "paused") {
    sandbox.state = "running";
    audit.sandbox.resume(sandbox.id, options);
  } else {
    sandbox.state = "paused";
    if (random.chance(0.55)) audit.sandbox.pause(sandbox.id, options);
    else audit.sandbox.autoPause(sandbox.id, { teamId: team.id, resourceName: sandbox.name });
  }
};

const creation: Happening = (audit, team, random) => {
  const name = `${random.pick(purposes)}-${random.hex(4)}`;
  const metadata = { template: random.pick(templates) };
  const options = { ...byAnyone(team, random), resourceName: name };
  if (random.chance(0.08)) {
    audit.sandbox.create(null, metadata, { ...options, status: "error" });
    return;
  }
  const id = `sb-${random.uuid()}` as const;
  team.sandboxes.push({ id, name, state: "running" });
  audit.sandbox.create(id, metadata, options);
};

const snapshotHappening: Happening = (audit, team, random) => {
  const options = byAnyone(team, random);
  if (team.snapshots.length > 5 || (team.snapshots.length > 0 && random.chance(0.3))) {
    const name = random.pick(team.snapshots);
    team.snapshots = team.snapshots.filter((each) => each !== name);
    audit.snapshot.delete(name, options);
    return;
  }
  const name = `${random.pick(purposes)}-${random.hex(6)}`;
  team.snapshots.push(name);
  audit.snapshot.create(name, options);
};

const memberHappening: Happening = (audit, team, random) => {
  const options = by(team, random.pick(team.people), random);
  if (random.chance(0.35)) {
    const member = random.pick(team.people);
    const metadata = { new_role: random.pick(roles) };
    audit.member.roleUpdate(member.id, metadata, { ...options, resourceName: member.name });
    return;
  }
  const guest = random.chance(0.5) ? team.guests.shift() : undefined;
  if (guest === undefined) {
    const name = random.pick(newcomers);
    const id = `usr-${random.uuid()}` as const;
    team.guests.push({ id, name });
    const email = `${random.hex(6)}@example.org`;
    audit.member.add(id, { email, role: "member" }, { ...options, resourceName: name });
  } else if (random.chance(0.5)) {
    audit.member.remove(guest.id, { ...options, resourceName: guest.name });
  } else {
    const actor = { type: "user", ...guest } as const;
    audit.member.leave(guest.id, { ...options, actor, resourceName: guest.name });
  }
};

const keyHappening: Happening = (audit, team, random) => {
  const options = by(team, random.pick(team.people), random);
  const spare = random.chance(0.5) ? team.spareKeys.shift() : undefined;
  if (spare === undefined) {
    const name = `${random.pick(purposes)} key`;
    const id = `key-${random.uuid()}` as const;
    team.spareKeys.push({ id, name });
    audit.apiKey.create(id, { name }, { ...options, resourceName: name });
  } else audit.apiKey.revoke(spare.id, { ...options, resourceName: spare.name });
};

const renaming: Happening = (audit, team, random) => {
  const old_name = team.name;
  team.name = old_name.endsWith(" II") ? old_name.slice(0, -3) : `${old_name} II`;
  const options = by(team, random.pick(team.people), random);
  audit.team.rename(team.id, { old_name, new_name: team.name }, options);
};

function hostHappening(audit: Audit, world: World, random: Random): void {
  const { hosts } = world;
  const team = random.pick(world.teams);
  if (random.chance(0.2)) {
    const options = by(team, random.pick(team.people), random);
    if (hosts.length > 5) {
      const host = random.pick(hosts);
      world.hosts = hosts.filter((each) => each !== host);
      audit.host.delete(host.id, { ...options, resourceName: host.name });
    } else {
      const name = `${random.pick(["ams1", "fra2", "iad3", "sin1"])}-${random.hex(3)}`;
      const id = `host-${random.uuid()}` as const;
      hosts.push({ id, name, up: true });
      audit.host.create(id, { ...options, resourceName: name });
    }
    return;
  }
  const host = hosts.find(({ up }) => !up) ?? random.pick(hosts);
  host.up = !host.up;
  const options = { teamId: platformTeam, resourceName: host.name } as const;
  if (host.up) audit.host.markedUp(host.id, options);
  else audit.host.markedDown(host.id, options);
}

/** Not of the catalogue: what a platform's sign-in would record without a resource. */
function loginEntry(team: Team, random: Random): NewEntry {
  const person = random.pick(team.people);
  if (random.chance(0.75)) {
    const metadata = { method: random.pick(["sso", "passkey"]) };
    return { ...by(team, person, random), action: "user.login", metadata };
  }
  return {
    teamId: team.id,
    actor: { type: "anonymous" },
    context: contextOf(person, random),
    action: "user.login",
    scope: "admin",
    status: "error",
    metadata: { error: random.pick(["wrong_password", "expired_link", "unknown_user"]) },
  };
}
