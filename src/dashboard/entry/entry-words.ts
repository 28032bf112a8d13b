/** What an entry says, in words. */
import type { EntryJson } from "../../client/entry-json.ts";

/** How an action ended. */
export function statusWords(status: EntryJson["status"]): string {
  switch (status) {
    case "success":
      return "It succeeded.";
    case "info":
      return "It is worth knowing.";
    case "warning":
      return "It was done and deserves a look.";
    case "error":
      return "It failed.";
    default:
      return `It ended with ${status}.`;
  }
}

/** Who may read it. */
export function scopeWords(scope: EntryJson["scope"]): string {
  switch (scope) {
    case "team":
      return "every member of the team may read it";
    case "admin":
      return "only the team's admins and owners may read it";
    default:
      return "only some may read it";
  }
}

/** Who did it, as short as it can be said. */
export function actorLabel({ actor }: Pick<EntryJson, "actor">): string {
  if (actor.name !== undefined) return actor.name;
  if (actor.type === "system") return "The platform itself";
  if (actor.type === "anonymous") return "Somebody without credentials";
  return actor.id ?? actor.type;
}

/** What it was done to, as short as it can be said; undefined if it was done to nothing. */
export function resourceLabel({ resource }: Pick<EntryJson, "resource">): string | undefined {
  return resource && (resource.name ?? resource.id ?? resource.type);
}

/** Why somebody else recorded it than did it; undefined if it is the same. */
export function recorderExplanation({
  actor,
  recorder,
}: Pick<EntryJson, "actor" | "recorder">): string | undefined {
  if (recorder.type === actor.type && recorder.id === actor.id) return undefined;
  switch (recorder.type) {
    case "annals":
      return "Annals itself recorded this, about a call to it.";
    case "service":
      return "A service of the platform recorded this for somebody else. Who recorded it is known by its credential; who did it is what the service said.";
    case "api_key":
      return "A program with this API key recorded it. Who recorded it is known by the key; who did it is what the program said.";
    default:
      return "Who recorded it is known by the credential; who did it is what the recorder said.";
  }
}
