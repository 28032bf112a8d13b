/** The formats of an export, as a browser writes them. */
import { stringify } from "csv-stringify/browser/esm/sync";
import { csvFormat, type ExportFormat, ndjson } from "../../client/export-format.ts";

/** A format, by the ending of its file's name. */
export type FormatName = "ndjson" | "csv";

/** Those of the command line. */
export const formats: Readonly<Record<FormatName, ExportFormat>> = {
  ndjson,
  csv: csvFormat(stringify),
};

/** What the system is told that a file is. */
export const mediaTypes: Readonly<Record<FormatName, string>> = {
  ndjson: "application/x-ndjson",
  csv: "text/csv",
};
