import type { CatalogueEvent } from "./catalogue-event.ts";
import { outputSchema } from "./json-schema.ts";

/** What the page says besides the table. */
export interface MarkdownOptions {
  /** Its heading; `Audit events` unless given. */
  readonly title?: string;
  /** Markdown between heading and table. */
  readonly introduction?: string;
}

const columns: readonly (readonly [string, (event: CatalogueEvent) => string])[] = [
  ["Resource", ({ resourceType }) => code(resourceType)],
  ["Event", ({ name }) => code(name)],
  ["Action", ({ action }) => code(action)],
  ["Scope", ({ scope }) => scope],
  ["Status", ({ status }) => status],
  ["Resource id", idCell],
  ["Metadata", metadataCell],
  ["Actor", ({ actor }) => (actor === "self" ? "the resource itself" : (actor ?? ""))],
  ["Meaning", ({ description = "" }) => cell(description)],
];

/** The page: one row an event, in the order of their definitions. */
export function markdownOf(
  events: readonly CatalogueEvent[],
  { title = "Audit events", introduction }: MarkdownOptions = {},
): string {
  const row = (cells: readonly string[]) =>
    `|${cells.map((text) => (text === "" ? " |" : ` ${text} |`)).join("")}`;
  const lines = [
    `# ${title}`,
    "",
    ...(introduction === undefined ? [] : [introduction, ""]),
    row(columns.map(([heading]) => heading)),
    row(columns.map(() => "---")),
    ...events.map((event) => row(columns.map(([, cellOf]) => cellOf(event)))),
  ];
  return `${lines.join("\n")}\n`;
}

function idCell({ id, resourceType }: CatalogueEvent): string {
  if (id === "name") return "its name";
  if (id === "none") return "none";
  const shape = id.prefix === undefined ? "text" : code(`${id.prefix}-{uuid}`);
  return id.of === resourceType ? shape : `${shape} of the ${id.of}`;
}

function metadataCell({ metadata }: CatalogueEvent): string {
  if (metadata === undefined) return "";
  const { properties, required = [] } = outputSchema(metadata) ?? {};
  if (typeof properties !== "object" || properties === null) return "as its schema says";
  return Object.entries(properties as Record<string, unknown>)
    .map(([key, schema]) => {
      const optional = (required as readonly string[]).includes(key) ? "" : " (optional)";
      return `${code(key)}: ${typeName(schema)}${optional}`;
    })
    .join(", ");
}

function typeName(schema: unknown): string {
  if (typeof schema !== "object" || schema === null) return "any";
  const { type, enum: values } = schema as { type?: unknown; enum?: unknown };
  if (Array.isArray(values)) return values.map((value) => code(String(value))).join(" or ");
  return typeof type === "string" ? type : "any";
}

/** Text in a table's cell: one line, and no bar that would end it. */
function cell(text: string): string {
  return text.replace(/\s+/g, " ").trim().replaceAll("|", "\\|");
}

function code(text: string): string {
  return `\`${cell(text).replaceAll("`", "'")}\``;
}
