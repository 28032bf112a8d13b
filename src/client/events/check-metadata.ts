import type { SchemaIssue, StandardSchema } from "./standard-schema.ts";

/** Metadata as its schema answered it (none, if none was given or added), or what was wrong. */
export type MetadataCheck =
  | { readonly metadata?: object; readonly fault?: undefined }
  | {
      /** For the log, where tenants read: names the places, but never what stood there. */
      readonly fault: string;
      /** For developers: with the schema library's messages, some of which quote the value. */
      readonly explanation: string;
    };

const listedIssues = 5;
const listedLength = 200;

/** Checks metadata against its schema. Never throws, whatever schema and value do. */
export function checkMetadata(
  schema: StandardSchema<unknown, object>,
  input: unknown,
): MetadataCheck {
  try {
    const answer: unknown = schema["~standard"].validate(input ?? {});
    if (answer instanceof Promise) {
      answer.catch(() => undefined);
      // zod does so too where a refinement throws.
      return failed("its schema answers asynchronously, or throws");
    }
    const { value, issues } = answer as { value?: unknown; issues?: readonly SchemaIssue[] };
    if (issues) return { fault: describe(issues, false), explanation: describe(issues, true) };
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return failed("is not an object");
    }
    return input === undefined && Object.keys(value).length === 0 ? {} : { metadata: value };
  } catch (error) {
    const fault = "could not be checked";
    return { fault, explanation: `${fault}: ${thrownText(error)}` };
  }
}

function failed(fault: string): MetadataCheck {
  return { fault, explanation: fault };
}

function describe(issues: readonly SchemaIssue[], withMessages: boolean): string {
  const listed = Array.from(issues.slice(0, listedIssues), ({ path = [], message }) => {
    const place = path
      .map((segment) => String(typeof segment === "object" ? segment.key : segment))
      .join(".")
      .slice(0, listedLength);
    const where = place === "" ? "as a whole" : `at ${place}`;
    return withMessages ? `${where} (${String(message).slice(0, listedLength)})` : where;
  });
  const more = issues.length - listed.length;
  const places = [...new Set(listed), ...(more > 0 ? [`at ${more} more`] : [])].join(", ");
  return `does not fit its schema ${places}`;
}

/** What was thrown, as text: even that may throw. */
function thrownText(thrown: unknown): string {
  try {
    return String(thrown).slice(0, listedLength);
  } catch {
    return "something that is no text was thrown";
  }
}
