/** The demo's teams, people, programs and machines. Always the same, so that reruns go on. */
import type { TeamIdText } from "../client/new-entry.ts";
import type { Random } from "./demo-random.ts";

/** A person with the machine they work at. */
export interface Person {
  id: `usr-${string}`;
  name: string;
  ipAddress: string;
  userAgent: string;
}

/** A program with an API key. */
export interface Program {
  id: `key-${string}`;
  name: string;
  ipAddress: string;
  userAgent: string;
}

/** A sandbox that has not been destroyed. */
export interface Sandbox {
  id: `sb-${string}`;
  name: string;
  state: "running" | "paused";
}

/** A team and what it has. */
export interface Team {
  id: TeamIdText;
  name: string;
  people: Person[];
  programs: Program[];
  sandboxes: Sandbox[];
  /** Names of snapshots that have not been deleted. */
  snapshots: string[];
  /** People who come and go. */
  guests: Pick<Person, "id" | "name">[];
  /** API keys made and not yet revoked, besides those of the programs. */
  spareKeys: Pick<Program, "id" | "name">[];
}

/** A host of the platform. */
export interface Host {
  id: `host-${string}`;
  name: string;
  up: boolean;
}

/** Everything there is. */
export interface World {
  teams: Team[];
  hosts: Host[];
}

/** The platform's own team, for shared resources such as hosts. */
export const platformTeam = "team-00000000-0000-0000-0000-000000000000";

const crews = [
  {
    name: "Analytical Engines",
    people: ["Ada Lovelace", "Charles Babbage", "Mary Somerville", "Luigi Menabrea"],
    programs: ["deploy bot", "nightly tests"],
  },
  {
    name: "Harbour Robotics",
    people: ["Grace Hopper", "Jean Bartik", "Nguyễn Thị Minh", "José García"],
    programs: ["ci runner"],
  },
  {
    name: "Sakura Labs",
    people: ["山田 太郎", "Chiara Rossi", "Olu Adeyemi"],
    programs: ["agent fleet", "backup job"],
  },
];

const browsers = [
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
  "sandbox-cli/2.4.1 (darwin; arm64)",
];
const clients = ["sandbox-sdk-python/1.9.2", "sandbox-sdk-js/2.1.0", "Go-http-client/2.0"];

/**
 * Makes the world. `firstTeam` is the id of the first team, so that it can be that of the demo's
 * own token. Addresses are from the ranges for documentation (RFC 5737, RFC 3849).
 */
export function createWorld(random: Random, firstTeam: TeamIdText): World {
  const address = () =>
    random.chance(0.2)
      ? `2001:db8:${random.hex(4).replace(/^0+(?=.)/, "")}::${random.int(1, 99)}`
      : `${random.pick(["192.0.2", "198.51.100", "203.0.113"])}.${random.int(1, 254)}`;
  const teams = crews.map(({ name, people, programs }, i) => ({
    id: i === 0 ? firstTeam : (`team-${random.uuid()}` as const),
    name,
    people: people.map((person) => ({
      id: `usr-${random.uuid()}` as const,
      name: person,
      ipAddress: address(),
      userAgent: random.pick(browsers),
    })),
    programs: programs.map((program) => ({
      id: `key-${random.uuid()}` as const,
      name: program,
      ipAddress: address(),
      userAgent: random.pick(clients),
    })),
    sandboxes: [],
    snapshots: [],
    guests: [],
    spareKeys: [],
  }));
  const hosts = ["ams1-a03", "ams1-a07", "fra2-b11", "iad3-c02", "sin1-d05"].map((name) => ({
    id: `host-${random.uuid()}` as const,
    name,
    up: true,
  }));
  return { teams, hosts };
}
