import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { newId, startTestServer } from "../support/server.ts";
import { Follower, sequences, upTo } from "./follower.ts";

test("a stream from a time that is just passing goes on through the entries recorded meanwhile", async () => {
  await using server = await startTestServer();
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const teamId = newId("team");
  const stop = new AbortController();
  const writers = upTo(4).map(async () => {
    while (!stop.signal.aborted) await audit.record({ entry: { teamId, action: "create" } });
  });
  try {
    for (const n of upTo(40)) {
      const value = timestampFromMs(Date.now() + (n % 5) * 10);
      await using reader = new Follower(audit, { teamId, start: { case: "fromTime", value } });
      await reader.until(({ entries }) => entries.length >= 3);
      const [first = 0] = sequences(reader.entries);
      expect(sequences(reader.entries)).toEqual(reader.entries.map((_, i) => first + i));
    }
  } finally {
    stop.abort();
    await Promise.all(writers);
  }
});

test("a stream from a time to come holds back what is recorded before it", async () => {
  await using server = await startTestServer();
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const teamId = newId("team");
  const value = timestampFromMs(Date.now() + 1_000);
  await using reader = new Follower(audit, { teamId, start: { case: "fromTime", value } });
  await reader.begun();
  let last = await audit.record({ entry: { teamId, action: "create" } });
  while ((last.entry?.recordTime?.seconds ?? 0n) <= value.seconds) {
    last = await audit.record({ entry: { teamId, action: "create" } });
  }
  await reader.until(({ entries }) => entries.at(-1)?.id === last.entry?.id);
  for (const { recordTime } of reader.entries) {
    const { seconds, nanos } = recordTime ?? { seconds: 0n, nanos: 0 };
    expect(seconds > value.seconds || (seconds === value.seconds && nanos >= value.nanos)).toBe(
      true,
    );
  }
  const { entries } = await audit.list({
    teamId,
    pageSize: 1,
    filter: { recordTime: { to: value } },
  });
  expect(entries).not.toEqual([]);
});
