import { expect, test } from "vitest";
import { newId, startTestServer, transports } from "../support/server.ts";
test.each(transports)("%s", async (t) => {
  await using server = await startTestServer();
  const teamId = newId("team");
  const { audit } = server.clients(await server.jwt({ role: "admin", teamId, name: "Ada" }), t);
  const { entry } = await audit.record({ entry: { action: "user.login" } });
  expect(entry?.sequence).toBe(1n);
  expect((await audit.list({})).entries.length).toBe(1);
  for await (const m of audit.stream({ start: { case: "beginning", value: {} }, stopAtHead: true })) expect(m.entries.length).toBe(1);
});
