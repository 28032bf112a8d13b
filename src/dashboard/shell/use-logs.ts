/** The logs there are, for those who may read all. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useEffect } from "react";
import { AccessService, type Log } from "../../../gen/audit/v1/access_service_pb.ts";
import { isFound } from "./team-words.ts";

/** Logs as far as they have been read. */
export interface Logs {
  readonly logs: readonly Log[];
  readonly isLoading: boolean;
  readonly hasMore: boolean;
  readonly error: Error | null;
  readonly readMore: () => void;
  readonly readAgain: () => void;
}

/**
 * Reads the logs page by page: the next one when asked, or by itself while `search` finds nothing in
 * what has been read. Logs grow, so they are read anew whenever a list of them is opened. Who may not
 * list them is not asked to be refused.
 */
export function useLogs(search: string, mayList: boolean): Logs {
  const query = useInfiniteQuery(
    AccessService.method.listLogs,
    { pageSize: 200, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      staleTime: 10_000,
      enabled: mayList,
    },
  );
  const { data, error, hasNextPage, isFetching, fetchNextPage, refetch } = query;
  const logs = data?.pages.flatMap((page) => page.logs) ?? [];
  const isMissing =
    search !== "" && hasNextPage && !logs.some(({ teamId }) => isFound(teamId, search));
  useEffect(() => {
    if (isMissing && !isFetching && !error) void fetchNextPage();
  }, [isMissing, isFetching, error, fetchNextPage]);
  return {
    logs,
    isLoading: isFetching,
    hasMore: hasNextPage,
    error,
    readMore: () => void fetchNextPage(),
    readAgain: () => void refetch(),
  };
}
