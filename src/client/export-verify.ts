/** Checking an NDJSON export offline, line by line, in Node and in browsers. */
import { EntryJsonError } from "./entry-json.ts";
import { bodyOf, type ExportBody, type ExportReport } from "./export-body.ts";
import { type ExportLine, ExportLineError, parseExportLine } from "./export-lines.ts";
import { TextLinesError, textLines } from "./text-lines.ts";
import { VerificationError } from "./verify/fault.ts";
import type { Verifier } from "./verify/verifier.ts";

/** An export that is not what it claims to be. */
export class ExportError extends Error {
  override readonly name = "ExportError";
  /** The line at fault, from 1. */
  readonly line: number;

  constructor(line: number, message: string, options?: { cause?: unknown }) {
    super(`line ${line}: ${message}`, options);
    this.line = line;
  }
}

/** How to verify an export. */
export interface ExportOptions {
  /** The size of an earlier checkpoint of this origin, whose root is to be reported. */
  readonly earlierSize?: (origin: string) => Promise<bigint | undefined>;
}

/**
 * Verifies an export from its bytes. Of a complete one every position is shown to be the log's; it
 * is the whole log, with nothing left out, if the report's `pruned` and `withheld` are 0. Of a
 * filtered one each entry is shown to be in the log, and no more.
 *
 * @throws ExportError. One that is cut off, wherever that is, is refused as such.
 */
export async function verifyExport(
  chunks: AsyncIterable<Uint8Array>,
  verifier: Verifier,
  options: ExportOptions = {},
): Promise<ExportReport> {
  let number = 1;
  let body: ExportBody | undefined;
  let report: ExportReport | undefined;
  const take = async (line: ExportLine) => {
    if (report) throw new ExportLineError("something follows the end of the export");
    if (line.kind === "header") {
      if (body) throw new ExportLineError("it is a second header");
      const { header } = line;
      const earlierSize = await options.earlierSize?.(header.origin);
      body = await bodyOf(header, verifier, earlierSize);
    } else if (line.kind === "end") {
      report = await requireHeader(body).finish(line.end);
    }
  };
  try {
    for await (const lines of textLines(chunks)) {
      for (const text of lines) {
        const line = parseExportLine(text);
        const isBody = line.kind !== "header" && line.kind !== "end" && report === undefined;
        // Without waiting, for there may be millions.
        if (isBody) requireHeader(body).take(line);
        else await take(line);
        number += 1;
      }
    }
    if (report) return report;
    throw new ExportLineError(
      "it is missing: the export is cut off, for it must end with a checkpoint",
    );
  } catch (error) {
    if (error instanceof TextLinesError) throw new ExportError(error.line, error.message);
    const refusals = [ExportLineError, EntryJsonError, VerificationError];
    if (!(error instanceof Error) || !refusals.some((type) => error instanceof type)) throw error;
    if (number === 1 && error instanceof ExportLineError) {
      const message = `${error.message}: an NDJSON export begins with its header`;
      throw new ExportError(number, message, { cause: error });
    }
    throw new ExportError(number, error.message, { cause: error });
  }
}

function requireHeader(body: ExportBody | undefined): ExportBody {
  if (body) return body;
  throw new ExportLineError("the export does not begin with a header");
}
