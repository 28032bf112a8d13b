import type * as wire from "../../gen/audit/v1/entry_pb.ts";
import { type FieldViolation, invalidFields } from "../errors.ts";
import { requestLimits } from "../limits.ts";
import type { Scope } from "../log/entry.ts";
import { type Conditions, countValues, type Filter, type TimeRange } from "../log/filter.ts";
import { Violations } from "./text.ts";
import { decodeTime } from "./wire-time.ts";
import { actorTypeNames, scopeNames, scopes, statusNames } from "./wire-words.ts";

/**
 * Decodes a filter for a reader who may read the given scopes.
 *
 * @throws AuditError INVALID_FIELD with every mistake.
 */
export function decodeFilter(
  message: wire.EntryFilter | undefined,
  readable: readonly Scope[],
): Filter {
  const violations = new Violations();
  const include = decodeConditions(message, "filter", violations);
  const exclude = decodeConditions(message?.exclude, "filter.exclude", violations);
  if (message?.exclude?.exclude !== undefined) {
    violations.add("filter.exclude.exclude", "must not be set");
  }
  if (countValues(include) + countValues(exclude) > requestLimits.filterValues) {
    violations.add("filter", `must have at most ${requestLimits.filterValues} values in all`);
  }
  throwIfAny(violations.found);
  return readable.length === Object.keys(scopes).length
    ? { include, exclude }
    : { include, exclude, visible: readable };
}

function decodeConditions(
  message: wire.EntryFilter | undefined,
  path: string,
  violations: Violations,
): Conditions {
  const texts = (field: string, values: readonly string[] = []) => {
    for (const [i, value] of values.entries()) {
      violations.requiredText(`${path}.${field}[${i}]`, value);
    }
    return values;
  };
  const words = <Name>(
    field: string,
    values: readonly number[] = [],
    names: ReadonlyMap<number, Name>,
  ) =>
    values.flatMap((value, i) => {
      const name = names.get(value);
      if (name !== undefined) return [name];
      violations.add(
        `${path}.${field}[${i}]`,
        value === 0 ? "must not be unspecified" : `is not a known value: ${value}`,
      );
      return [];
    });
  const recordTime = decodeRange(message?.recordTime, `${path}.record_time`, violations);
  const occurTime = decodeRange(message?.occurTime, `${path}.occur_time`, violations);
  return {
    resourceTypes: texts("resource_types", message?.resourceTypes),
    resourceIds: texts("resource_ids", message?.resourceIds),
    actions: texts("actions", message?.actions),
    actorIds: texts("actor_ids", message?.actorIds),
    actorTypes: words("actor_types", message?.actorTypes, actorTypeNames),
    scopes: words("scopes", message?.scopes, scopeNames),
    statuses: words("statuses", message?.statuses, statusNames),
    requestIds: texts("request_ids", message?.requestIds),
    ...(recordTime === undefined ? {} : { recordTime }),
    ...(occurTime === undefined ? {} : { occurTime }),
  };
}

function decodeRange(
  message: wire.TimeRange | undefined,
  path: string,
  violations: Violations,
): TimeRange | undefined {
  if (message === undefined) return undefined;
  const from = message.from && decodeTime(message.from, `${path}.from`, violations);
  const to = message.to && decodeTime(message.to, `${path}.to`, violations);
  if (message.from === undefined && message.to === undefined) {
    violations.add(path, "must have `from` or `to`");
  }
  if (from !== undefined && to !== undefined && to <= from) {
    violations.add(`${path}.to`, "must be after `from`");
  }
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

function throwIfAny(violations: readonly FieldViolation[]): void {
  if (violations.length > 0) throw invalidFields(violations);
}
