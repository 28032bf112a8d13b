import { readFile } from "node:fs/promises";

/** Who is in the table's columns, after the attack's. */
export const columns = ["Reader", "With memory", "Walk", "Member's walk", "Checkpoint store"];

/** What docs/guarantees.md says of attacks, row by row: the outcomes by the attack's name. */
export interface Documented {
  /** The table of attacks that somebody notices. */
  readonly noticed: ReadonlyMap<string, readonly string[]>;
  /** The table of those that nobody does. */
  readonly unnoticed: ReadonlyMap<string, readonly string[]>;
}

/** Reads the tables. */
export async function readDocumented(): Promise<Documented> {
  const page = await readFile(new URL("../../docs/guarantees.md", import.meta.url), "utf8");
  const section = /^## Attacks, and who notices\n(.*?)^## /ms.exec(page)?.[1] ?? "";
  const [noticed, unnoticed, ...others] = Array.from(
    section.matchAll(/(?:^\|.*\|\n)+/gm),
    ([text]) => parseTable(text),
  );
  if (noticed === undefined || unnoticed === undefined || others.length > 0) {
    throw new Error("docs/guarantees.md does not have the two tables of attacks");
  }
  return { noticed, unnoticed };
}

function parseTable(text: string): Map<string, readonly string[]> {
  const [header, , ...rows] = text
    .trimEnd()
    .split("\n")
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
  if (header?.slice(1).join() !== columns.join()) throw new Error(`not the columns: ${header}`);
  const table = new Map(rows.map(([name = "", ...cells]) => [name, cells.map(outcomeIn)]));
  if (table.size < rows.length) throw new Error("an attack is in the table twice");
  return table;
}

function outcomeIn(cell: string): string {
  return cell === "–" ? "fine" : cell.replaceAll("`", "");
}

/** Whether somebody has noticed: an entry that is not there might never have been. */
export function isNoticed(outcomes: readonly string[]): boolean {
  return outcomes.some((outcome) => outcome !== "fine" && outcome !== "gone");
}
