import { ListOrder, type ListRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { invalidField } from "../errors.ts";
import { requestLimits } from "../limits.ts";
import type { Entry } from "../log/entry.ts";
import type { Filter } from "../log/filter.ts";
import type { Order } from "../store/entries.ts";
import { queryDigest } from "./page-token.ts";

/** What a page is made of, whichever the kind of list. */
export interface Page {
  readonly entries: readonly Entry[];
  readonly nextPageToken: string;
  readonly cursor: string;
}

/** What a list asks for. */
export interface Query {
  readonly filter: Filter;
  readonly order: Order;
  readonly limit: number;
  readonly pageToken: string;
  /** What its page tokens are bound to. */
  readonly digest: string;
}

/** Decodes what a list asks for, of one team or (`*`) of all. */
export function decodeQuery(request: ListRequest, filter: Filter, logs: string): Query {
  const order = decodeOrder(request.order);
  return {
    filter,
    order,
    limit: decodePageSize(request.pageSize),
    pageToken: request.pageToken,
    digest: queryDigest([logs, order, filter]),
  };
}

/** @throws AuditError INVALID_FIELD if negative. */
export function decodePageSize(size: number): number {
  if (size < 0) throw invalidField("page_size", "must not be negative");
  return size === 0 ? requestLimits.defaultPageEntries : Math.min(size, requestLimits.pageEntries);
}

function decodeOrder(order: ListOrder): Order {
  switch (order) {
    case ListOrder.UNSPECIFIED:
    case ListOrder.NEWEST_FIRST:
      return "newest_first";
    case ListOrder.OLDEST_FIRST:
      return "oldest_first";
    default:
      throw invalidField("order", `is not an order: ${order}`);
  }
}
