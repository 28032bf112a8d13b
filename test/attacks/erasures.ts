import { createAuditClient } from "../../src/client/client.ts";
import { type Attack, variant } from "./attack.ts";
import { noDetails } from "./edits.ts";
import { at, type Scenario } from "./scenario.ts";

/** Attacks that look like erasures, and attacks on erasures. */

/** What to set, so that an entry is as if it had been erased. */
export const erased = `${noDetails}, details_salt = NULL, details_state = 'erased'`;

/** What the entry on an erasure says, with one more entry among what was erased. */
const namingOneMore = `metadata = jsonb_set(
  metadata, '{sequences}', '["${at.erased}", "40", "205", "${at.entry}"]'
)`;
const salt = "details_salt = sha256('salt')";

/** Records what looks like an erasure, as anyone can who may record. */
async function claimErasure({ serve, makeStore, team: teamId }: Scenario): Promise<void> {
  await using server = await serve(await makeStore());
  const token = await server.jwt({ role: "admin", teamId });
  using client = createAuditClient({ baseUrl: server.url, token });
  const metadata = { sequences: [String(at.entry)] };
  await client.audit.record({ entry: { teamId, action: "erase_details", metadata } });
}

export const erasureAttacks: readonly Attack[] = [
  {
    name: "Details and salt are erased, and no entry says so",
    sequence: at.entry,
    variants: [
      variant("by hand", (superuser) => superuser.edit(at.entry, erased)),
      variant("by the function that the service calls", (superuser) =>
        superuser.sql("SELECT control_plane.erase_details($1, ARRAY[$2::bigint])", at.entry),
      ),
      variant("of an entry that had no details", (superuser) => superuser.edit(at.bare, erased)),
      variant("of the very entry that says what was erased", (superuser) =>
        superuser.edit(at.erasure, erased),
      ),
      variant("but for an entry that anyone may record", async (superuser, scenario) => {
        await superuser.edit(at.entry, erased);
        await claimErasure(scenario);
      }),
    ],
  },
  {
    name: "The same, and an entry on another erasure is edited to name it",
    sequence: at.entry,
    variants: [
      variant("its hashes as they were", async (superuser) => {
        await superuser.edit(at.entry, erased);
        await superuser.edit(at.erasure, namingOneMore);
      }),
    ],
  },
  {
    name: "The same, and that entry's digest and leaf hash are recomputed",
    sequence: at.entry,
    variants: [
      variant("the tree as it was", async (superuser) => {
        await superuser.edit(at.entry, erased);
        await superuser.edit(at.erasure, namingOneMore);
        await superuser.rehash(at.erasure);
      }),
    ],
  },
  {
    name: "An erased entry is given details again, or is said to have had none",
    sequence: at.erased,
    variants: [
      variant("other ones", (superuser) =>
        superuser.edit(at.erased, `actor_name = 'Mallory', details_state = 'present', ${salt}`),
      ),
      variant("none", (superuser) => superuser.edit(at.erased, `details_state = 'none', ${salt}`)),
    ],
  },
];
