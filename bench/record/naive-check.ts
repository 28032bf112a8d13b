import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { naiveTable } from "../baselines/naive-store.ts";
import type { BenchDatabase } from "../database.ts";
import type { Protocol } from "../load/procedure.ts";
import { adminToken } from "../token.ts";

/**
 * That a naive service does its work: what it lists last is what the database has last, whole, and a
 * stranger is refused.
 *
 * @throws Error saying what it does not.
 */
export async function checkNaive(
  baseUrl: string,
  protocol: Protocol,
  database: BenchDatabase,
): Promise<void> {
  const options = { baseUrl, httpVersion: "2" } as const;
  const transport =
    protocol === "grpc" ? createGrpcTransport(options) : createConnectTransport(options);
  const client = createClient(AuditService, transport);
  const [row] = await database.execute(
    `SELECT team_id, id, action, actor_id, host(ip_address) AS ip_address
     FROM ${naiveTable} ORDER BY sequence DESC LIMIT 1`,
  );
  const teamId = `team-${row?.team_id}`;
  const headers = { authorization: `Bearer ${await adminToken()}` };
  const { entries } = await client.list({ teamId, pageSize: 1 }, { headers });
  const [entry] = entries;
  const listed = [entry?.id, entry?.action, entry?.actor?.id, entry?.context?.ipAddress || null];
  const stored = [`log-${row?.id}`, row?.action, row?.actor_id, row?.ip_address];
  if (JSON.stringify(listed) !== JSON.stringify(stored)) {
    throw new Error(
      `naive: ${JSON.stringify(listed)} was listed, ${JSON.stringify(stored)} stored`,
    );
  }
  const refused = await client.list({ teamId }).then(
    () => false,
    () => true,
  );
  if (!refused) throw new Error("naive: a stranger was let in");
}
