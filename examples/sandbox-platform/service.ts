/** The platform's HTTP API on plain `node:http`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { auditContextMiddleware } from "@annals/client";
import { z } from "zod";
import { type Platform, Refused, type TeamId, type UserId } from "./platform.ts";

/** Who calls, as authentication found out. */
export interface Caller {
  readonly userId: UserId;
  readonly name: string;
  readonly teamId: TeamId;
}

const prefixed = <Prefix extends string>(prefix: Prefix) =>
  z.templateLiteral([prefix, "-", z.guid()]);
const role = z.enum(["member", "admin", "owner"]);
const sandboxBody = z.object({ template: z.string() });
const nameBody = z.object({ name: z.string().min(1).max(100) });
const memberBody = z.object({ user: prefixed("usr"), email: z.email(), role });
const roleBody = z.object({ role });

/** A route: what it does with the last part of the path, the body and the caller. */
type Route = (id: string, body: unknown, caller: Caller) => unknown;

function routesOf(platform: Platform): Readonly<Record<string, Route>> {
  const sandbox = prefixed("sb");
  const user = prefixed("usr");
  return {
    "POST /sandboxes": (_, body) => platform.createSandbox(sandboxBody.parse(body).template),
    "POST /pauses": (id) => platform.pauseSandbox(sandbox.parse(id)),
    "DELETE /pauses": (id) => platform.resumeSandbox(sandbox.parse(id)),
    "DELETE /sandboxes": (id) => platform.destroySandbox(sandbox.parse(id)),
    "POST /snapshots": (_, body) => platform.createSnapshot(nameBody.parse(body).name),
    "DELETE /snapshots": (id) => platform.deleteSnapshot(id),
    "PUT /team": (_, body, { teamId }) => platform.renameTeam(teamId, nameBody.parse(body).name),
    "POST /api-keys": (_, body) => platform.createApiKey(nameBody.parse(body).name),
    "DELETE /api-keys": (id) => platform.revokeApiKey(prefixed("key").parse(id)),
    "POST /members": (_, body) => {
      const member = memberBody.parse(body);
      platform.addMember(member.user, member.email, member.role);
    },
    "PUT /members": (id, body) => platform.changeRole(user.parse(id), roleBody.parse(body).role),
    "DELETE /members": (id, _, { userId }) => platform.removeMember(user.parse(id), userId),
    "POST /hosts": () => platform.createHost(),
    "DELETE /hosts": (id) => platform.deleteHost(prefixed("host").parse(id)),
  };
}

/** Creates the server. Each request is in its own audit context: nothing else of it knows of auditing. */
export function createService(
  platform: Platform,
  authenticate: (request: IncomingMessage) => Caller | undefined,
): Server {
  const routes = routesOf(platform);
  const inContext = auditContextMiddleware<IncomingMessage>({
    actor: (request) => {
      const caller = authenticate(request);
      if (caller === undefined) return { type: "anonymous" };
      return { type: "user", id: caller.userId, name: caller.name };
    },
    teamId: (request) => authenticate(request)?.teamId,
  });
  return createServer((request, response) => {
    inContext(request, response, () => {
      void answer(request, response);
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, resource = "", id = ""] = (request.url ?? "").split("/");
    const caller = authenticate(request);
    const route = routes[`${request.method} /${resource}`];
    if (caller === undefined) return end(response, 401, "who are you?");
    if (route === undefined) return end(response, 404, "there is nothing here");
    try {
      const hasBody = request.headers["content-type"]?.startsWith("application/json");
      const body = hasBody ? await json(request) : undefined;
      end(response, 200, route(decodeURIComponent(id), body, caller) ?? null);
    } catch (error) {
      const known = error instanceof Refused || error instanceof z.ZodError;
      end(response, known ? 400 : 500, known ? error.message : "something went wrong");
    }
  }
}

function end(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
