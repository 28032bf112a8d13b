import { newEntry, newTeam } from "../support/new-entry.ts";
import { type Attack, type Variant, variant } from "./attack.ts";
import { at, olderDump, sizes } from "./scenario.ts";
import type { Superuser } from "./superuser.ts";

/** Attacks on which entries there are, and in which order. */

const last = sizes.now;

/** What can be done to a log's entries so that it still is one, but for its tree. */
const changes = {
  "an entry edited": (superuser) => change(superuser, at.entry),
  "an entry edited in the last tile": (superuser) => change(superuser, at.late),
  "an entry taken out": takeOut,
  "an entry put in": putIn,
  "two entries exchanged": (superuser) => superuser.swap(at.entry, at.other),
} as const satisfies Record<string, (superuser: Superuser) => Promise<void>>;

async function change(superuser: Superuser, sequence: bigint): Promise<void> {
  await superuser.edit(sequence, "actor_id = 'mallory'");
  await superuser.rehash(sequence);
}

async function takeOut(superuser: Superuser): Promise<void> {
  await superuser.remove(at.entry);
  await superuser.shift(at.entry, -1n);
}

async function putIn(superuser: Superuser): Promise<void> {
  await superuser.shift(at.entry, 1n);
  await superuser.forge(at.entry, at.other);
}

/** Each of the changes, and then what hides it. */
function changed(hide: (superuser: Superuser) => Promise<void>): Variant[] {
  return Object.entries(changes).map(([how, make]) =>
    variant(how, async (superuser) => {
      await make(superuser);
      await hide(superuser);
    }),
  );
}

/** Restores the dump, and records so many entries since. */
function restored(how: string, since: bigint): Variant {
  return variant(how, async (superuser) => {
    await superuser.restore(olderDump);
    await superuser.append(...several(since, superuser));
  });
}

function several(count: bigint, { teamId }: Superuser) {
  return Array.from({ length: Number(count) }, () => newEntry(teamId, "recorded_since"));
}

/** A log that is only so long. */
async function cut(superuser: Superuser, size: bigint): Promise<void> {
  await superuser.remove(size + 1n, last + 1n);
  await superuser.rebuildTree();
}

export const rewriteAttacks: readonly Attack[] = [
  {
    name: "Two entries change places, and nothing else",
    sequence: at.entry,
    variants: [variant("both rows whole", changes["two entries exchanged"])],
  },
  {
    name: "An entry is taken out, and leaves a hole",
    sequence: at.entry,
    variants: [
      variant("deleted", (superuser) => superuser.remove(at.entry)),
      variant("moved to another team", (superuser) =>
        superuser.edit(at.entry, `team_id = '${newTeam()}'`),
      ),
      variant("moved behind the end", (superuser) =>
        superuser.edit(at.entry, `sequence = ${last + 1n}`),
      ),
    ],
  },
  {
    name: "An entry is taken out, and those after it move up",
    sequence: at.entry,
    variants: [variant("the tree as it was", takeOut)],
  },
  {
    name: "An entry is put in, and those after it move down",
    sequence: at.entry,
    variants: [variant("the tree as it was", putIn)],
  },
  {
    name: "An entry is put behind the end, and the head does not tell",
    sequence: last + 1n,
    variants: [variant("forged", (superuser) => superuser.forge(last + 1n, at.other))],
  },
  {
    name: "The first entries are deleted, and the head does not tell",
    sequence: at.entry,
    variants: [variant("a tile of them", (superuser) => superuser.remove(1n, 256n))],
  },
  {
    name: "The last entries are deleted, and the head does not tell",
    sequence: at.entry,
    variants: [
      variant("one", (superuser) => superuser.remove(last)),
      variant("signed ones among them", (superuser) => superuser.remove(500n, last)),
    ],
  },
  {
    name: "The last entries are deleted, with head and tiles rolled back",
    sequence: at.entry,
    variants: [
      variant("many", (superuser) => cut(superuser, 500n)),
      variant("a single signed one", (superuser) => cut(superuser, sizes.signed - 1n)),
      variant("their rows left where they are", (superuser) => superuser.rebuildTree(500n)),
    ],
  },
  {
    name: "The whole log is deleted",
    sequence: at.entry,
    variants: [
      variant("as if it had never been", async (superuser) => {
        await cut(superuser, 0n);
        await superuser.sql("DELETE FROM control_plane.audit_log_heads WHERE team_id = $1");
      }),
      variant("with an empty head", (superuser) => cut(superuser, 0n)),
    ],
  },
  {
    name: "History is rewritten from an entry on: all hashes, tiles and the head",
    sequence: at.entry,
    variants: changed((superuser) => superuser.rebuildTree()),
  },
  {
    name: "The same, and the log is cut to the size that was signed",
    sequence: at.entry,
    variants: changed((superuser) => cut(superuser, sizes.signed)),
  },
  {
    name: "An older dump is restored, and less recorded since than was signed",
    sequence: at.entry,
    variants: [restored("nothing", 0n), restored("something", 100n)],
  },
  {
    name: "An older dump is restored, and as much recorded since",
    sequence: at.entry,
    variants: [restored("to the entry", sizes.signed - sizes.dumped)],
  },
  {
    name: "An older dump is restored, and more recorded since",
    sequence: at.entry,
    variants: [
      restored("a little", sizes.signed - sizes.dumped + 1n),
      restored("than there ever was", sizes.now),
    ],
  },
  {
    name: "Head and tiles go on beyond the last entry",
    sequence: at.entry,
    variants: [
      variant("with the leaves of entries that are not there", async (superuser) => {
        await superuser.append(...several(200n, superuser));
        // To the end of a tile, since the leaves of the last one are those of its entries.
        await superuser.remove(last + 1n, 768n);
      }),
    ],
  },
];
