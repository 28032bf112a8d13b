import type { HandlerContext } from "@connectrpc/connect";
import { z } from "zod";
import type { ListLogsRequest } from "../../gen/audit/v1/access_service_pb.ts";
import { formatTeamId, platformTeamId } from "../ids.ts";
import { type Log, readLogsFrom } from "../store/heads.ts";
import { requireAllTeams } from "./access.ts";
import { pack, teamIdSchema } from "./cursor.ts";
import { decodePageSize } from "./list-query.ts";
import { parse } from "./page-token.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";
import { encodeTime } from "./wire-time.ts";

/** The team with which the next page begins. */
const tokenSchema = z.tuple([z.literal("l1"), teamIdSchema]);

/** Lists the logs that have entries, by team id, of which the platform team's is the lowest. */
export function listLogs({ db }: Services) {
  return async (request: ListLogsRequest, context: HandlerContext) => {
    requireAllTeams(context.values.get(authenticatedKey).principal);
    const limit = decodePageSize(request.pageSize);
    const from =
      request.pageToken === "" ? platformTeamId : parse(tokenSchema, request.pageToken)[1];
    const logs = await readLogsFrom(db, from, limit + 1);
    const next = logs[limit];
    return {
      logs: logs.slice(0, limit).map(encodeLog),
      nextPageToken: next === undefined ? "" : pack(["l1", next.teamId]),
    };
  };
}

function encodeLog({ teamId, size, firstSequence, lastRecordTime }: Log) {
  return {
    teamId: formatTeamId(teamId),
    size,
    firstSequence,
    lastRecordTime: encodeTime(lastRecordTime),
  };
}
