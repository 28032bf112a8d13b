import type { ActorType, Entry, Millis, Scope, Status } from "./entry.ts";

/** A range of time `[from, to)`, open where a bound is absent. */
export interface TimeRange {
  readonly from?: Millis;
  readonly to?: Millis;
}

/** Conditions on an entry. Values within a field are alternatives; empty fields say nothing. */
export interface Conditions {
  readonly resourceTypes: readonly string[];
  readonly resourceIds: readonly string[];
  readonly actions: readonly string[];
  readonly actorIds: readonly string[];
  readonly actorTypes: readonly ActorType[];
  readonly scopes: readonly Scope[];
  readonly statuses: readonly Status[];
  readonly requestIds: readonly string[];
  readonly recordTime?: TimeRange;
  readonly occurTime?: TimeRange;
}

/**
 * Which entries to read: those that meet every field of `include` and no field of `exclude`,
 * and, if `visible` is given, are of one of those scopes (what the reader may read).
 */
export interface Filter {
  readonly include: Conditions;
  readonly exclude: Conditions;
  readonly visible?: readonly Scope[];
}

/** Conditions that say nothing. */
export const noConditions: Conditions = {
  resourceTypes: [],
  resourceIds: [],
  actions: [],
  actorIds: [],
  actorTypes: [],
  scopes: [],
  statuses: [],
  requestIds: [],
};

/** The filter that every entry passes. */
export const everything: Filter = { include: noConditions, exclude: noConditions };

type ValueField = Exclude<keyof Conditions, "recordTime" | "occurTime">;
type TimeField = "recordTime" | "occurTime";

/**
 * One row a field: where its value is in an entry and in `audit_logs`. Each is in an index
 * (migrations/0005 and 0006).
 */
const valueFields: Record<ValueField, { column: string; of: (e: Entry) => string | undefined }> = {
  resourceTypes: { column: "resource_type", of: (e) => e.resource?.type },
  resourceIds: { column: "resource_id", of: (e) => e.resource?.id },
  actions: { column: "action", of: (e) => e.action },
  actorIds: { column: "actor_id", of: (e) => e.actor.id },
  actorTypes: { column: "actor_type", of: (e) => e.actor.type },
  scopes: { column: "scope", of: (e) => e.scope },
  statuses: { column: "status", of: (e) => e.status },
  requestIds: { column: "request_id", of: (e) => e.details.requestId },
};

const timeFields: Record<TimeField, { column: string; of: (e: Entry) => Millis | undefined }> = {
  recordTime: { column: "record_time", of: (e) => e.recordTime },
  occurTime: { column: "occur_time", of: (e) => e.occurTime },
};

const valueFieldNames = Object.keys(valueFields) as ValueField[];
const timeFieldNames = Object.keys(timeFields) as TimeField[];

/** How many values the conditions hold in all, each bound of a time range counting as one. */
export function countValues(conditions: Conditions): number {
  let count = 0;
  for (const name of valueFieldNames) count += conditions[name].length;
  for (const name of timeFieldNames) {
    const range = conditions[name];
    if (range !== undefined) count += Object.keys(range).length;
  }
  return count;
}

/** Whether every entry passes the filter, so that no search is needed. */
export function passesEverything(filter: Filter): boolean {
  return (
    filter.visible === undefined &&
    countValues(filter.include) === 0 &&
    countValues(filter.exclude) === 0
  );
}

/**
 * The indexes for filters divide a log into windows of so many positions, as a power of two: their
 * keys are team, window, value. Part of the indexes' definition (migrations/0005 and 0006).
 */
export const indexWindowBits = 14;

/** Whether the filter wants certain values of a field, so that an index helps to find them. */
export function hasIndex({ include, visible }: Filter): boolean {
  return visible !== undefined || valueFieldNames.some((name) => include[name].length > 0);
}

/** The filter as a predicate; the same as {@link filterSql}, which a property test holds. */
export function matches(filter: Filter, entry: Entry): boolean {
  if (filter.visible !== undefined && !filter.visible.includes(entry.scope)) return false;
  return meets(filter.include, entry, true) && !meets(filter.exclude, entry, false);
}

/** Whether an entry meets all fields that say something (`all`), or any of them. */
function meets(conditions: Conditions, entry: Entry, all: boolean): boolean {
  for (const name of valueFieldNames) {
    const wanted: readonly string[] = conditions[name];
    if (wanted.length === 0) continue;
    const value = valueFields[name].of(entry);
    const met = value !== undefined && wanted.includes(value);
    if (met !== all) return met;
  }
  for (const name of timeFieldNames) {
    const range = conditions[name];
    if (range === undefined) continue;
    const time = timeFields[name].of(entry);
    const met =
      time !== undefined &&
      (range.from === undefined || time >= range.from) &&
      (range.to === undefined || time < range.to);
    if (met !== all) return met;
  }
  return all;
}

/**
 * The filter as conditions on `audit_logs`, to be joined by AND. Their values are appended to
 * `values`, as parameters from `$n` on where n is its length before.
 */
export function filterSql(filter: Filter, values: unknown[]): string[] {
  const sql = fieldsSql(filter.include, values);
  // NULL (an absent resource, say) must not make the exclusion NULL.
  for (const condition of fieldsSql(filter.exclude, values)) sql.push(`(${condition}) IS NOT TRUE`);
  if (filter.visible !== undefined) {
    values.push(filter.visible);
    sql.push(`scope = ANY($${values.length}::text[])`);
  }
  return sql;
}

function fieldsSql(conditions: Conditions, values: unknown[]): string[] {
  const sql: string[] = [];
  const parameter = (value: unknown) => `$${values.push(value)}`;
  for (const name of valueFieldNames) {
    const wanted = conditions[name];
    if (wanted.length === 0) continue;
    // Each scan of an index sorts them, which is soon done if they are.
    const sorted = [...wanted].sort();
    sql.push(`${valueFields[name].column} = ANY(${parameter(sorted)}::text[])`);
  }
  for (const name of timeFieldNames) {
    const range = conditions[name];
    if (range === undefined) continue;
    const { column } = timeFields[name];
    const bounds: string[] = [];
    if (range.from !== undefined) {
      bounds.push(`${column} >= ${parameter(timeText(range.from))}::timestamptz`);
    }
    if (range.to !== undefined) {
      bounds.push(`${column} < ${parameter(timeText(range.to))}::timestamptz`);
    }
    sql.push(bounds.join(" AND "));
  }
  return sql;
}

/** A time as PostgreSQL reads it without loss. */
export function timeText(time: Millis): string {
  return new Date(time).toISOString();
}
