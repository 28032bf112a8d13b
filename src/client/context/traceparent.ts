/** The header of W3C Trace Context: https://www.w3.org/TR/trace-context/#traceparent-header */

const format = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const zeros = /^0+$/;

/**
 * The trace id in a `traceparent` header: 32 lower-case hexadecimal digits. Undefined if the header is
 * invalid: of version ff, with an id of zeros, with upper-case digits, or, in version 00, with anything
 * more. Of a later version the fields known today are read, and what follows is passed over.
 */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  if (traceparent === undefined) return undefined;
  const [, version, traceId = "", parentId = "", more] = format.exec(traceparent.trim()) ?? [];
  if (version === undefined || version === "ff") return undefined;
  if (version === "00" && more !== undefined) return undefined;
  return zeros.test(traceId) || zeros.test(parentId) ? undefined : traceId;
}
