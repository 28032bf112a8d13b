import type { NewActor, NewEntry, NewRequestContext, NewResource } from "../new-entry.ts";

const known: Readonly<Record<keyof NewEntry, true | Readonly<Record<string, true>>>> = {
  ...({ id: true, teamId: true, action: true, scope: true, status: true } as const),
  ...({ metadata: true, occurTime: true } as const),
  actor: { type: true, id: true, name: true } satisfies Record<keyof NewActor, true>,
  resource: { type: true, id: true, name: true } satisfies Record<keyof NewResource, true>,
  context: {
    ...({ ipAddress: true, userAgent: true, requestId: true, traceId: true } satisfies Record<
      keyof NewRequestContext,
      true
    >),
  },
};

/** What stands in an entry under a name that no field has: a recorder passes over it, so it is lost. */
export function unknownFields(entry: NewEntry): readonly string[] {
  return unknownIn(entry, known, "");
}

function unknownIn(
  part: object,
  fields: Readonly<Record<string, unknown>>,
  path: string,
): string[] {
  return Object.entries(part).flatMap(([name, value]) => {
    if (!Object.hasOwn(fields, name)) return [`${path}${name}: is no field, and is left out`];
    const inner = fields[name];
    if (typeof inner !== "object" || inner === null) return [];
    if (typeof value !== "object" || value === null) return [];
    return unknownIn(value, inner as Readonly<Record<string, true>>, `${name}.`);
  });
}
