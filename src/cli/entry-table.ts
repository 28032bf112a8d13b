/** Entries as a table for people: one line each, as wide as the terminal. */
import type { EntryJson } from "../client/entry-json.ts";
import { type Style, styled } from "./output.ts";
import { fitText, plainText } from "./plain-text.ts";
import { localTime } from "./time.ts";

const statusStyles: ReadonlyMap<string, Style> = new Map([
  ["success", "green"],
  ["info", "cyan"],
  ["warning", "yellow"],
  ["error", "red"],
]);

/** Makes the lines of a table. */
export interface EntryTable {
  /** The line with the columns' names. */
  header(): string;
  /** An entry's line; what a terminal would obey in it is neutralised. */
  line(entry: EntryJson): string;
}

/**
 * A table for a terminal of `width` columns; with Infinity nothing is cut. With `allTeams` it has
 * a column for the team. Widths do not depend on the entries, so that lines can be printed as
 * they come.
 */
export function entryTable(width: number, allTeams: boolean): EntryTable {
  const widths = columnWidths(width, allTeams);
  const row = (cells: readonly Cell[]) =>
    cells
      .map(({ text, style, right }, i) => {
        const column = widths[i] ?? 0;
        const last = i === cells.length - 1;
        const safe = right ? text.padStart(column) : plainText(text);
        // On a pipe a column is at least so wide and never cut.
        const wider = width === Number.POSITIVE_INFINITY && safe.length > column;
        const fitted = wider ? safe : fitText(safe, column);
        const shown = last ? fitted.trimEnd() : fitted;
        return style ? styled(style, shown) : shown;
      })
      .join("  ");
  const names = ["#", "TIME", ...(allTeams ? ["TEAM"] : []), ...flexible, "STATUS"];
  return {
    header: () => row(names.map((text) => ({ text, style: "bold", right: text === "#" }))),
    line: (entry) => row(cellsOf(entry, width, allTeams)),
  };
}

interface Cell {
  text: string;
  style?: Style | undefined;
  right?: boolean;
}

const teamWidth = 9;
const flexible = ["ACTOR", "ACTION", "RESOURCE"];

function columnWidths(width: number, allTeams: boolean): number[] {
  const fixed = [7, 19, ...(allTeams ? [teamWidth] : [])];
  const status = 7;
  const gaps = 2 * (fixed.length + flexible.length);
  const free = width - fixed.reduce((sum, each) => sum + each, status) - gaps;
  const actor = Math.min(32, Math.max(6, Math.floor(free * 0.32)));
  const action = Math.min(26, Math.max(6, Math.floor(free * 0.25)));
  const resource = Math.min(52, Math.max(8, free - actor - action));
  return [...fixed, actor, action, resource, status];
}

function cellsOf(entry: EntryJson, width: number, allTeams: boolean): Cell[] {
  const { recordTime, status } = entry;
  return [
    { text: String(entry.sequence), style: "dim", right: true },
    { text: recordTime ? localTime(Date.parse(recordTime)) : "" },
    ...(allTeams ? [{ text: teamText(entry.teamId, width), style: "dim" as const }] : []),
    { text: actorText(entry.actor) },
    { text: (entry.action ?? "") + (entry.scope === "admin" ? " (admin)" : "") },
    { text: resourceText(entry) },
    { text: status ?? "", style: statusStyles.get(status) },
  ];
}

/** On a terminal the last digits tell teams apart: UUIDs of about the same time begin alike. */
function teamText(teamId: string, width: number): string {
  if (width === Number.POSITIVE_INFINITY) return teamId;
  return /^team-[0-]+$/.test(teamId) ? "platform" : `…${teamId.slice(-(teamWidth - 1))}`;
}

/** Not every server is Annals, so even an actor may be missing. */
function actorText(actor: EntryJson["actor"] | undefined): string {
  if (actor === undefined) return "";
  const { type, id, name } = actor;
  if (name === undefined) return id ?? type;
  return type === "user" ? name : `${name} (${type.replace("_", " ")})`;
}

function resourceText({ resource }: EntryJson): string {
  return resource ? [resource.type, resource.name ?? resource.id].filter(Boolean).join(" ") : "";
}
