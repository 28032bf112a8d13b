import { type Attack, type Variant, variant } from "./attack.ts";
import { at } from "./scenario.ts";
import type { Superuser } from "./superuser.ts";

/** Attacks on single entries that leave the tree as it is. */

type Values = Readonly<Record<string, readonly string[]>>;

/** What to set outside the details, by column. */
const outside: Values = {
  id: ["gen_random_uuid()"],
  recorder_type: ["'service'"],
  recorder_id: ["'mallory'", "recorder_id || ' '"],
  actor_type: ["'api_key'"],
  actor_id: ["'mallory'", "upper(actor_id)"],
  resource_type: ["'window'"],
  resource_id: ["'door-1'", "NULL"],
  action: ["'user.login'"],
  status: ["'error'"],
  occur_time: ["occur_time + interval '1 millisecond'", "NULL"],
  record_time: ["record_time + interval '1 millisecond'"],
};

/** The same of the details. */
const inside: Values = {
  actor_name: ["'Mallory'", "NULL"],
  resource_name: ["'The vault'", "NULL"],
  metadata: [
    "jsonb_set(metadata, '{from}', '\"owner\"')",
    "jsonb_set(metadata, '{to,2}', '0.5000000000000001')",
    "metadata - 'n'",
    "'null'",
    "NULL",
  ],
  ip_address: ["'198.51.100.1'", "set_masklen(ip_address, 24)", "NULL"],
  user_agent: ["'curl/8.9.2'", "NULL"],
  request_id: ["'request-1'", "NULL"],
  trace_id: ["'trace-1'", "NULL"],
  details_salt: ["set_byte(details_salt, 31, get_byte(details_salt, 31) # 1)"],
};

/** What to set, so that an entry has no details. */
export const noDetails =
  "actor_name = NULL, resource_name = NULL, metadata = NULL, ip_address = NULL, " +
  "user_agent = NULL, request_id = NULL, trace_id = NULL";

const scope: Values = { scope: ["'admin'"] };
const flipped = (hash: string) => ({
  [hash]: [`set_byte(${hash}, 0, get_byte(${hash}, 0) # 128)`],
});

/** An edit a value, described by what it sets. */
function edits(values: Values): Variant[] {
  return Object.entries(values).flatMap(([column, each]) =>
    each.map((value) => edit(`${column} = ${value}`)),
  );
}

function edit(assignments: string, sequence: bigint = at.entry): Variant {
  return variant(assignments, (superuser) => superuser.edit(sequence, assignments));
}

function rehashedEdit(assignments: string, sequence: bigint = at.entry): Variant {
  return variant(assignments, async (superuser) => {
    await superuser.edit(sequence, assignments);
    await superuser.rehash(sequence);
  });
}

/** Lets two entries have each other's columns. */
async function exchange(superuser: Superuser, columns: string): Promise<void> {
  await superuser.sql(
    `UPDATE control_plane.audit_logs AS mine SET (${columns}) = (
      SELECT ${columns} FROM control_plane.audit_logs AS theirs
      WHERE theirs.team_id = $1 AND theirs.sequence = $2 + $3 - mine.sequence
    ) WHERE team_id = $1 AND sequence IN ($2, $3)`,
    at.entry,
    at.other,
  );
}

const details =
  "actor_name, resource_name, metadata, ip_address, user_agent, request_id, trace_id, details_salt";

export const entryAttacks: readonly Attack[] = [
  {
    name: "A column of an entry is edited, outside the details",
    sequence: at.entry,
    variants: edits({ ...outside, ...flipped("leaf_hash") }),
  },
  {
    name: "A column of an entry's details is edited, or their salt, digest or state",
    sequence: at.entry,
    variants: [
      ...edits({ ...inside, ...flipped("details_digest") }),
      edit(noDetails),
      edit(`${noDetails}, details_state = 'none'`),
    ],
  },
  {
    name: "An entry's scope becomes `admin`, so that members no longer see it",
    sequence: at.entry,
    variants: edits(scope),
  },
  {
    name: "An entry for admins is edited",
    sequence: at.admin,
    variants: [edit("actor_id = 'mallory'", at.admin)],
  },
  {
    name: "Any column is edited, and the entry's digest and leaf hash recomputed",
    sequence: at.entry,
    variants: Object.entries({ ...outside, ...scope, ...inside }).map(([column, [value]]) =>
      rehashedEdit(`${column} = ${value}`),
    ),
  },
  {
    name: "The same of an entry for admins",
    sequence: at.admin,
    variants: [rehashedEdit("actor_id = 'mallory'", at.admin)],
  },
  {
    name: "The same in the last tile, which is not full",
    sequence: at.late,
    variants: [rehashedEdit("actor_id = 'mallory'", at.late)],
  },
  {
    name: "Two entries exchange details and salts",
    sequence: at.entry,
    variants: [variant("all of them", (superuser) => exchange(superuser, details))],
  },
  {
    name: "Two entries exchange details, salts and digests",
    sequence: at.entry,
    variants: [
      variant("all of them", (superuser) => exchange(superuser, `${details}, details_digest`)),
    ],
  },
];
