/** CSV on Node. */
import { stringify } from "csv-stringify/sync";
import { csvFormat, type ExportFormat } from "../client/export-format.ts";

/** For people and spreadsheets. */
export const csv: ExportFormat = csvFormat(stringify);
