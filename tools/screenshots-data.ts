/** What the pictures of the dashboard show: two teams with a made-up past, and two API keys. */
import { ApiKeyGrant } from "../gen/audit/v1/key_service_pb.ts";
import { createAuditClient } from "../src/client/client.ts";
import { diff } from "../src/client/metadata/diff.ts";
import type { TeamIdText } from "../src/client/new-entry.ts";
import { type PastEntry, pastOf } from "../test/support/history.ts";
import { execute } from "../test/support/rollback.ts";

/** The team of most pictures. */
export const team: TeamIdText = "team-00000000-0000-7000-8000-000000000001";
/** A team of whose log an entry was changed in the database; see `tamper`. */
export const tamperedTeam: TeamIdText = "team-00000000-0000-7000-8000-000000000003";
/** Who is signed in. */
export const ada = {
  type: "user",
  id: "usr-00000000-0000-7000-8000-000000000001",
  name: "Ada Lovelace",
} as const;

/** The demo's for two teams, each with something of its own at the end. */
export function* past(): Generator<PastEntry> {
  yield* legible(pastOf(team, 14, 3_000));
  const byAda = { teamId: team, actor: ada, context: { requestId: "req-5d1f0c3a" } };
  const changes = diff(
    { limits: { sandboxes: 20, snapshots: 50 }, contact: "build@example.com" },
    { limits: { sandboxes: 40, snapshots: 50 }, contact: "tools@example.com", tier: "large" },
  );
  yield now({
    ...{ ...byAda, action: "rename", resource: { type: "team", id: team, name: "Compilers" } },
    metadata: { old_name: "Build tools", new_name: "Compilers", changes },
  });
  yield* legible(pastOf(tamperedTeam, 3, 200));
  const mary = { type: "user", id: "usr-00000000-0000-7000-8000-000000000004" } as const;
  const sandbox = { type: "sandbox", id: "sb-00000000-0000-7000-8000-000000000005" };
  const byMary = { teamId: tamperedTeam, actor: { ...mary, name: "Mary Somerville" } };
  yield now({ ...byMary, action: "destroy", resource: { ...sandbox, name: "billing-replay" } });
  yield now({ ...byMary, action: "user.logout" });
}

const now = (entry: PastEntry["entry"]): PastEntry => ({ at: new Date(), entry });

/** The browser that npm brings along has letters of few scripts; others would be blank. */
function* legible(entries: Iterable<PastEntry>): Generator<PastEntry> {
  for (const each of entries) {
    if (!/[^\p{Script=Latin}\p{Script=Common}]/u.test(each.entry.actor?.name ?? "")) yield each;
  }
}

/** Somebody with all rights on the database makes an entry say that another did it. */
export async function tamper(databaseUrl: string): Promise<void> {
  const which = `team_id = '${tamperedTeam.replace("team-", "")}' AND action = 'destroy' AND actor_name = 'Mary Somerville'`;
  await execute(
    databaseUrl,
    "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL",
    `UPDATE control_plane.audit_logs SET actor_id = '${ada.id}', actor_name = '${ada.name}' WHERE ${which}`,
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_truncate",
  );
}

/** Two API keys, of which one has been used and the other revoked. */
export async function makeKeys(baseUrl: string, token: string): Promise<void> {
  using client = createAuditClient({ baseUrl, token });
  const make = (name: string, grants: ApiKeyGrant[]) =>
    client.keys.createApiKey({ teamId: team, name, grants });
  const used = await make("sandbox-api in production", [ApiKeyGrant.RECORD_ANY_ACTOR]);
  using program = createAuditClient({ baseUrl, apiKey: used.secret });
  await program.audit.record({ entry: { teamId: team, action: "deploy" } });
  const { apiKey } = await make("old laptop of Mary's", [ApiKeyGrant.READ]);
  await client.keys.revokeApiKey({ teamId: team, id: apiKey?.id ?? "" });
}
