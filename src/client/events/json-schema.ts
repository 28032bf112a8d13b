import { actorTypes, statuses } from "../../log/entry.ts";
import { amendedKey } from "./build-entry.ts";
import type { CatalogueEvent } from "./catalogue-event.ts";
import type { StandardSchema } from "./standard-schema.ts";

/** What the schema says of itself. */
export interface JsonSchemaOptions {
  /** Its `$id`, an absolute URI. */
  readonly id?: string;
  /** `Audit events` unless given. */
  readonly title?: string;
}

type JsonSchema = Record<string, unknown>;

const text = { type: "string" };

/** A JSON Schema (draft 2020-12) that the events' entries meet, one definition an event. */
export function jsonSchemaOf(
  events: readonly CatalogueEvent[],
  { id, title = "Audit events" }: JsonSchemaOptions = {},
): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...(id === undefined ? {} : { $id: id }),
    title,
    // Two events may have entries alike: sandbox.pause and sandbox.autoPause.
    anyOf: events.map(({ name }) => ({ $ref: `#/$defs/${pointerPart(name)}` })),
    $defs: {
      ...Object.fromEntries(events.map((event) => [event.name, eventSchema(event)])),
      [amendedKey]: {
        description: "Stands where something was wrong and left out when it was recorded.",
        type: "object",
        required: [amendedKey],
        properties: { [amendedKey]: text },
      },
      actor: {
        type: "object",
        required: ["type"],
        properties: {
          type: { enum: [...actorTypes] },
          id: text,
          name: text,
        },
      },
      context: {
        type: "object",
        properties: { ipAddress: text, userAgent: text, requestId: text, traceId: text },
      },
    },
  };
}

/** A key as a part of a JSON pointer (RFC 6901) in a URI's fragment. */
function pointerPart(key: string): string {
  return encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"));
}

function eventSchema(event: CatalogueEvent): JsonSchema {
  const { name, description, metadata } = event;
  return {
    title: name,
    ...(description === undefined ? {} : { description }),
    type: "object",
    required: [
      ...["resource", "action", "scope", "status"],
      ...(metadata === undefined || !isRequired(metadata) ? [] : ["metadata"]),
    ],
    properties: {
      id: { type: "string", pattern: "^log-" },
      teamId: { type: "string", pattern: "^team-" },
      actor: { $ref: "#/$defs/actor" },
      resource: {
        type: "object",
        required: ["type"],
        properties: { type: { const: event.resourceType }, id: idSchema(event), name: text },
      },
      action: { const: event.action },
      scope: { const: event.scope },
      status: { enum: [...statuses], default: event.status },
      metadata: {
        anyOf: [
          ...(metadata === undefined ? [] : [metadataSchema(event.name, metadata)]),
          { $ref: `#/$defs/${amendedKey}` },
        ],
      },
      context: { $ref: "#/$defs/context" },
      occurTime: { type: "string", format: "date-time" },
    },
  };
}

function idSchema({ id }: CatalogueEvent): JsonSchema | false {
  if (id === "none") return false;
  return id === "name" || id.prefix === undefined
    ? text
    : { type: "string", pattern: `^${id.prefix}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$` };
}

function isRequired(schema: StandardSchema<unknown, object>): boolean {
  const { required } = outputSchema(schema) ?? {};
  return Array.isArray(required) && required.length > 0;
}

function metadataSchema(name: string, schema: StandardSchema<unknown, object>): JsonSchema {
  const { $schema: _, ...output } = outputSchema(schema) ?? { type: "object" };
  // References within it are to its own root, which an $id makes it have.
  return JSON.stringify(output).includes('"$ref"')
    ? { $id: `urn:annals:event:${encodeURIComponent(name)}:metadata`, ...output }
    : output;
}

/** What the schema answers as JSON Schema; undefined if its library or JSON Schema cannot say it. */
export function outputSchema(schema: StandardSchema<unknown, object>): JsonSchema | undefined {
  try {
    return schema["~standard"].jsonSchema?.output({ target: "draft-2020-12" });
  } catch {
    // By Standard JSON Schema the converter throws for what it cannot express.
    return undefined;
  }
}
