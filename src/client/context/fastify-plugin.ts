/** The audit context of requests to a Fastify server. */
import type { EventEmitter } from "node:events";
import { newState, runIn } from "./context-state.ts";
import { bindEvents, type HttpRequest, httpFacts, stateOf } from "./middleware.ts";
import { compileRequestContext, type RequestContextOptions } from "./request-context.ts";

/** A Fastify request as far as it matters here. */
export interface FastifyRequestShape {
  readonly id: string;
  readonly raw: HttpRequest;
}

/** A Fastify server as far as it matters here; its own types do not fit any simpler signature. */
export interface FastifyShape {
  addHook(...parameters: never): unknown;
}

/** A plugin for `register`. */
export type AuditContextPlugin = (
  instance: FastifyShape,
  options: unknown,
  done: (error?: Error) => void,
) => void;

type AddHook<Request> = (
  name: "onRequest",
  hook: (request: Request, reply: { readonly raw: EventEmitter }, done: () => void) => void,
) => void;

/**
 * Makes the plugin: `app.register(auditContextPlugin(options))`. It is for the server or plugin that
 * registers it and all within, like one wrapped by fastify-plugin. Hooks added before it, and what they
 * record, are outside the context; so register it first.
 *
 * Without a header that says otherwise, the request's id is Fastify's own.
 *
 * @throws TypeError at once for bad `trustedProxies`.
 */
export function auditContextPlugin<Request extends FastifyRequestShape = FastifyRequestShape>(
  options: RequestContextOptions<Request> = {},
): AuditContextPlugin {
  const read = compileRequestContext(options);
  const plugin: AuditContextPlugin = (instance, _options, done) => {
    const addHook = instance.addHook.bind(instance) as unknown as AddHook<Request>;
    addHook("onRequest", (request, reply, next) => {
      const { id, raw } = request;
      const around = stateOf(raw);
      const context = read(request, () => ({ ...httpFacts(raw, around), requestId: id }));
      const state = newState(context, around, raw);
      bindEvents(raw, state);
      bindEvents(reply.raw, state);
      runIn(state, next);
    });
    done();
  };
  return Object.assign(plugin, {
    // What fastify-plugin sets: hooks are to be those of the server that registers this.
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "annals-audit-context",
  });
}
