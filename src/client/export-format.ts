/** The shapes that an export is written in, on Node and in browsers: see docs/decisions/0015. */
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { type EntryJson, entryToJson } from "./entry-json.ts";
import {
  type ExportEnd,
  type ExportedProof,
  type ExportHeader,
  type ExportLine,
  formatExportLine,
} from "./export-lines.ts";
import { isEntry, type LogPosition } from "./log-reader.ts";
import { escapeUnsafe, plainJson } from "./plain-json.ts";
import type { WalkState } from "./verify/walk.ts";

/** A position, and in a filtered export its proof. */
export interface ExportedPosition {
  readonly position: LogPosition;
  readonly proof?: ExportedProof;
}

/** Text for each part of an export, with line ends. */
export interface ExportFormat {
  header(header: ExportHeader): string;
  /** Before the first position of a log that no longer holds what was before it. */
  pruned(start: WalkState): string;
  positions(positions: readonly ExportedPosition[]): string;
  end(end: ExportEnd): string;
}

/** For programs and verification. */
export const ndjson: ExportFormat = {
  header: (header) => `${formatExportLine({ kind: "header", header })}\n`,
  pruned: ({ size, hashes }) => `${formatExportLine({ kind: "pruned", size, hashes })}\n`,
  positions: (positions) => positions.map((each) => `${formatExportLine(lineOf(each))}\n`).join(""),
  end: (end) => `${formatExportLine({ kind: "end", end })}\n`,
};

function lineOf({ position, proof }: ExportedPosition): ExportLine {
  if (isEntry(position)) return { kind: "entry", entry: position, ...(proof && { proof }) };
  const { sequence, leafHash } = position;
  return { kind: "withheld", sequence, leafHash };
}

/** The columns of a CSV export, in their order, and what stands in them. */
const columns: readonly (readonly [name: string, cell: (entry: EntryJson) => unknown])[] = [
  ["sequence", (entry) => entry.sequence],
  ["record_time", (entry) => entry.recordTime],
  ["occur_time", (entry) => entry.occurTime],
  ["actor_type", (entry) => entry.actor?.type],
  ["actor_id", (entry) => entry.actor?.id],
  ["actor_name", (entry) => entry.actor?.name],
  ["action", (entry) => entry.action],
  ["resource_type", (entry) => entry.resource?.type],
  ["resource_id", (entry) => entry.resource?.id],
  ["resource_name", (entry) => entry.resource?.name],
  ["status", (entry) => entry.status],
  ["scope", (entry) => entry.scope],
  ["ip_address", (entry) => entry.context?.ipAddress],
  ["user_agent", (entry) => entry.context?.userAgent],
  ["request_id", (entry) => entry.context?.requestId],
  ["trace_id", (entry) => entry.context?.traceId],
  ["metadata", (entry) => entry.metadata && plainJson(entry.metadata)],
  ["details_state", (entry) => entry.detailsState],
  ["recorder_type", (entry) => entry.recorder?.type],
  ["recorder_id", (entry) => entry.recorder?.id],
  ["id", (entry) => entry.id],
  ["team_id", (entry) => entry.teamId],
];

/** `stringify` of csv-stringify, which comes in one module for Node and another for browsers. */
export type StringifyRecords = (
  records: string[][],
  options: { quoted: true; quoted_empty: true },
) => string;

/**
 * For people and spreadsheets: UTF-8 with a byte order mark, which Excel needs to see that it is;
 * every cell quoted, so that no other separator than the comma can part it.
 */
export function csvFormat(stringify: StringifyRecords): ExportFormat {
  const records = (rows: string[][]) => stringify(rows, { quoted: true, quoted_empty: true });
  /** A record that is no entry. */
  const markRecord = (...cells: readonly string[]) =>
    records([[...cells, ...Array<string>(columns.length - cells.length).fill("")]]);
  return {
    header: () => `\ufeff${records([columns.map(([name]) => name)])}`,
    pruned: ({ size }) => markRecord("#pruned", `entries 1 to ${size} are not there`),
    positions: (positions) =>
      records(positions.flatMap(({ position }) => (isEntry(position) ? [cellsOf(position)] : []))),
    end({ checkpoint, entries, withheld }) {
      const counts = [`${entries} entries`, `${withheld} not readable`];
      return markRecord("#checkpoint", noteCell(checkpoint), ...counts);
    },
  };
}

function cellsOf(entry: AuditEntry): string[] {
  const json = entryToJson(entry);
  return columns.map(([, cell]) => textCell(String(cell(json) ?? "")));
}

/** What a spreadsheet takes for a formula, also behind white space: ASCII signs, full-width ones. */
const formulaStart = /^[\s'"]*[=+\-@\uff1d\uff0b\uff0d\uff20]/u;

/** A cell that is shown as it is: nothing in it that a terminal obeys, and no formula. */
function textCell(text: string): string {
  return noFormula(plain(text));
}

/** A signed note in a cell, likewise; its line ends stay, so that it can be taken out again. */
function noteCell(note: string): string {
  return noFormula(note.split("\n").map(plain).join("\n"));
}

function plain(text: string): string {
  return escapeUnsafe(text.toWellFormed());
}

function noFormula(text: string): string {
  return formulaStart.test(text) ? `'${text}` : text;
}
