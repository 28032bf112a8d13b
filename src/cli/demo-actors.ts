/** Who does what happens in the demo, and from where. */
import type { NewActor, NewRequestContext, TeamIdText } from "../client/new-entry.ts";
import type { Random } from "./demo-random.ts";
import type { Person, Program, Team } from "./demo-world.ts";

/** Who does it, in which team, from where. */
export interface By {
  readonly teamId: TeamIdText;
  readonly actor: NewActor;
  readonly context: NewRequestContext;
}

/** A person or, less often, a program. */
export function byAnyone(team: Team, random: Random): By {
  if (random.chance(0.6)) return by(team, random.pick(team.people), random);
  const program = random.pick(team.programs);
  const { id, name } = program;
  return {
    teamId: team.id,
    actor: { type: "api_key", id, name },
    context: contextOf(program, random),
  };
}

/** A person. */
export function by(team: Team, person: Person, random: Random): By {
  const { id, name } = person;
  return {
    teamId: team.id,
    actor: { type: "user", id, name },
    context: contextOf(person, random),
  };
}

/** A request from where the person or the program is. */
export function contextOf(
  { ipAddress, userAgent }: Person | Program,
  random: Random,
): NewRequestContext {
  return { ipAddress, userAgent, requestId: `req-${random.hex(12)}`, traceId: random.hex(32) };
}
