import { type Attack, type Variant, variant } from "./attack.ts";
import { at } from "./scenario.ts";

/** Attacks on tiles and heads, with all entries as they were. */

/** The entry's tile, and in it its sibling. */
const tile = (at.entry - 1n) / 256n;
const sibling = Number((at.entry - 1n) % 256n) ^ 1;

function statement(how: string, text: string): Variant {
  return variant(how, (superuser) => superuser.sql(text));
}

/** Changes a column of a tile. */
function tileEdit(how: string, index: bigint, assignment: string): Variant {
  return statement(
    how,
    `UPDATE control_plane.audit_log_tiles SET ${assignment}
    WHERE team_id = $1 AND level = 0 AND tile_index = ${index}`,
  );
}

function headEdit(how: string, assignment: string): Variant {
  return statement(
    how,
    `UPDATE control_plane.audit_log_heads SET ${assignment} WHERE team_id = $1`,
  );
}

const flipped = (column: string, byte: number) =>
  `${column} = set_byte(${column}, ${byte}, get_byte(${column}, ${byte}) # 1)`;

export const treeAttacks: readonly Attack[] = [
  {
    name: "The hashes in a tile are edited",
    sequence: at.entry,
    variants: [
      tileEdit("all", tile, "hashes = decode(repeat('00', 8192), 'hex')"),
      tileEdit("that of the entry's neighbour", tile, flipped("hashes", sibling * 32)),
    ],
  },
  {
    name: "A tile's root is edited, or a tile is missing",
    sequence: at.entry,
    variants: [
      tileEdit("the root of the entry's", tile, flipped("root", 0)),
      tileEdit("the root of another", 0n, flipped("root", 31)),
      statement("missing", "DELETE FROM control_plane.audit_log_tiles WHERE team_id = $1"),
    ],
  },
  {
    name: "The head's frontier or size is edited",
    sequence: at.entry,
    variants: [
      headEdit("the frontier's first hash", flipped("frontier", 0)),
      headEdit("its last", flipped("frontier", 63)),
      headEdit("fewer hashes", "frontier = substring(frontier FROM 1 FOR 32)"),
      headEdit("the size", "size = size - 1"),
      headEdit("to another size with as many hashes", "size = 768"),
    ],
  },
  {
    name: "The head is deleted",
    sequence: at.entry,
    variants: [
      statement("it alone", "DELETE FROM control_plane.audit_log_heads WHERE team_id = $1"),
    ],
  },
  {
    name: "The log's beginning is moved, as retention would",
    sequence: at.entry,
    variants: [
      headEdit("what is before it hidden", "first_sequence = 257"),
      variant("what is before it deleted", async (superuser) => {
        await superuser.remove(1n, 256n);
        await superuser.sql(
          "UPDATE control_plane.audit_log_heads SET first_sequence = 257 WHERE team_id = $1",
        );
      }),
    ],
  },
];
