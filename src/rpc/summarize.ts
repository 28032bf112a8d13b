import type { HandlerContext } from "@connectrpc/connect";
import type { SummarizeRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { invalidField, invalidFields } from "../errors.ts";
import { formatTeamId } from "../ids.ts";
import { summaryLimits } from "../limits.ts";
import {
  type Buckets,
  bucketStart,
  bucketsOver,
  bucketWidthsMs,
  fewBucketsOver,
} from "../log/buckets.ts";
import { kinds, kindsPassing } from "../log/counts.ts";
import type { Millis } from "../log/entry.ts";
import type { TimeRange } from "../log/filter.ts";
import { type Extent, readExtent } from "../store/counts.ts";
import { readableScopes, requestedTeam } from "./access.ts";
import { type CountsByBucket, countByReading, countBySums } from "./count-entries.ts";
import { decodeFilter } from "./filter-codec.ts";
import { authenticatedKey, turnOwner } from "./principal.ts";
import type { Services } from "./services.ts";
import { Violations } from "./text.ts";
import { decodeTime, encodeDuration, encodeTime } from "./wire-time.ts";
import { scopes, statuses } from "./wire-words.ts";

/** Counts a team's entries by time, status and scope. */
export function summarize({ db, logger, summaryTurns }: Services) {
  return async (request: SummarizeRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    const filter = decodeFilter(request.filter, readableScopes(principal, teamId));
    const wanted = decodeWanted(request);
    const turns = kindsPassing(filter) === undefined ? summaryTurns.reading : summaryTurns.sums;
    using _turn = await turns.take(turnOwner(principal), { signal: context.signal });
    const range = heldRange(filter.include.recordTime ?? {}, await readExtent(db, teamId));
    if (range === undefined) {
      const widthMs = wanted.widthMs ?? bucketWidthsMs[0] ?? 0;
      return { buckets: [], bucketWidth: encodeDuration(widthMs) };
    }
    const buckets = chooseBuckets(range, wanted);
    const counting = { teamId, filter, range, buckets };
    const damaged = () =>
      logger.warn(
        { team: formatTeamId(teamId) },
        "the counts kept with this log do not add up to its size, so entries are read instead; " +
          "control_plane.count_log() counts them anew",
      );
    const counted =
      (await countBySums(db, counting, damaged)) ??
      (await countByReading(db, counting, context.signal));
    return {
      buckets: encodeBuckets(buckets, counted.byBucket),
      bucketWidth: encodeDuration(buckets.widthMs),
      startTime: encodeTime(buckets.start),
      endTime: encodeTime(bucketStart(buckets, buckets.count)),
      ...(counted.from === undefined ? {} : { countedFrom: encodeTime(counted.from) }),
    };
  };
}

interface WantedBuckets {
  readonly widthMs: number | undefined;
  readonly origin: Millis;
}

function decodeWanted({ bucketWidth, bucketOrigin }: SummarizeRequest): WantedBuckets {
  const violations = new Violations();
  if (bucketWidth !== undefined) {
    const { seconds, nanos } = bucketWidth;
    if (nanos !== 0 || seconds < 1n || seconds > summaryLimits.bucketSeconds) {
      const most = summaryLimits.bucketSeconds;
      violations.add("bucket_width", `must be whole seconds, from 1 to ${most}`);
    }
  }
  const origin = bucketOrigin && decodeTime(bucketOrigin, "bucket_origin", violations);
  if (violations.found.length > 0) throw invalidFields(violations.found);
  return {
    widthMs: bucketWidth === undefined ? undefined : Number(bucketWidth.seconds) * 1_000,
    origin: origin ?? 0,
  };
}

/**
 * What of a range can hold entries that are still there: not before the first of them, and not in the
 * future. Where it is open it ends with the log's entries. Undefined if nothing is left.
 */
function heldRange(
  { from, to }: TimeRange,
  { first, last, now }: Extent,
): Required<TimeRange> | undefined {
  if (first === undefined || last === undefined) return undefined;
  const range = {
    from: Math.max(from ?? first, first),
    // The clock may have stepped back, record times do not.
    to: Math.min(to ?? last + 1, Math.max(now, last) + 1),
  };
  return range.from < range.to ? range : undefined;
}

function chooseBuckets(range: Required<TimeRange>, { widthMs, origin }: WantedBuckets): Buckets {
  if (widthMs === undefined) return fewBucketsOver(range, origin, summaryLimits.chosenBuckets);
  const buckets = bucketsOver(range, widthMs, origin);
  if (buckets.count > summaryLimits.buckets) {
    const { buckets: most } = summaryLimits;
    throw invalidField("bucket_width", `makes ${buckets.count} buckets; at most ${most} are given`);
  }
  return buckets;
}

function encodeBuckets(buckets: Buckets, byBucket: CountsByBucket) {
  return [...byBucket]
    .sort(([a], [b]) => a - b)
    .map(([index, counts]) => ({
      startTime: encodeTime(bucketStart(buckets, index)),
      counts: kinds.flatMap(({ status, scope }, i) => {
        const count = BigInt(counts[i] ?? 0);
        return count > 0n ? [{ status: statuses[status], scope: scopes[scope], count }] : [];
      }),
    }));
}
