/**
 * What of Standard Schema (https://standardschema.dev, version 1) and Standard JSON Schema a catalogue
 * uses: zod, valibot, ArkType and others have it, so none of them is imported.
 */

/** A schema that tells whether a value is right, and what it is then. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": StandardProperties<Input, Output>;
}

/** The interface that libraries share. */
export interface StandardProperties<Input, Output> {
  readonly version: 1;
  readonly vendor: string;
  readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
  /** Types only: nothing of it is there at run time. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  /** Present in libraries that can write themselves as JSON Schema. */
  readonly jsonSchema?: StandardJsonSchema;
}

/** The value, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Writes a schema as JSON Schema; may throw for what JSON Schema cannot say. */
export interface StandardJsonSchema {
  readonly output: (options: { readonly target: string }) => Record<string, unknown>;
}

/** What the schema takes. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["input"];
