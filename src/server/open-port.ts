import { Health as HealthService } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import type { Config } from "../config.ts";
import { toConnectError } from "../errors.ts";
import { apiKeyCacheMs, requestLimits, streamLimits } from "../limits.ts";
import { authenticate } from "../rpc/authenticate.ts";
import { deadline } from "../rpc/deadline.ts";
import type { JwtVerifier } from "../rpc/jwt.ts";
import { apiRoutes, apiServices, recordHandlers } from "../rpc/routes.ts";
import type { Services } from "../rpc/services.ts";
import { dashboardDirectory, dashboardRoutes, isDashboardBuilt } from "./dashboard.ts";
import { DrainGuard, withDrainGuard } from "./drain-guard.ts";
import { replayed } from "./fast-call.ts";
import { fastLane } from "./fast-lane.ts";
import { fastMethods } from "./fast-method.ts";
import { type Health, healthRoutes } from "./health.ts";
import { httpRoutes, withCors } from "./http.ts";
import { type Listener, listen } from "./listen.ts";
import type { Metrics } from "./metrics.ts";
import { observe, requestIdKey } from "./observe.ts";
import type { ServerOverrides } from "./overrides.ts";
import { reflectionRoutes } from "./reflection.ts";
import { type BegunCalls, rpcHandler } from "./rpc-handler.ts";

/** What is behind the port. */
export interface Behind {
  readonly services: Services;
  readonly verifyJwt: JwtVerifier;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly overrides: ServerOverrides;
}

/**
 * Opens the port with all that is served on it: the API, through the fast lane or the RPC library,
 * authenticated and observed; health, reflection and metrics; the dashboard.
 */
export async function openPort(
  config: Config,
  { services, verifyJwt, health, metrics, overrides }: Behind,
): Promise<Listener> {
  const { db, logger } = services;
  const rewrite = (error: unknown, requestId: string) =>
    toConnectError(error, (unknown) => {
      logger.error({ err: unknown, requestId }, "a call failed");
    });
  const observed = observe({ logger, metrics, rewrite });
  const authentication = authenticate({
    db,
    logger,
    verifyJwt,
    publicServices: [HealthService.typeName, ServerReflection.typeName],
    apiKeyCacheMs: overrides.apiKeyCacheMs ?? apiKeyCacheMs,
  });
  const onUnsent = (error: unknown) => logger.error({ err: error }, "an answer could not be sent");
  const beside = httpRoutes({ health, registry: metrics.registry });
  const directory = overrides.dashboardDirectory ?? dashboardDirectory;
  if (config.dashboard && !isDashboardBuilt(directory)) {
    logger.warn({ directory }, "the dashboard is not built: npm run build:dashboard");
  }
  const bodyMs = overrides.bodyMs ?? requestLimits.unaryDeadlineMs;
  const begun: BegunCalls = new WeakMap();
  const handlers = recordHandlers(services);
  const rpc = rpcHandler({
    routes: (router) => {
      apiRoutes(services, handlers)(router);
      healthRoutes(health, services.shutdown)(router);
      reflectionRoutes([...apiServices, HealthService])(router);
    },
    requestGate: async (context) => {
      observed.requestGate(context);
      try {
        await authentication.gate(context);
      } catch (error) {
        throw rewrite(error, context.values.get(requestIdKey));
      }
    },
    interceptors: [observed.interceptor, replayed, deadline(requestLimits.unaryDeadlineMs)],
    readMaxBytes: requestLimits.messageBytes,
    bodyMs,
    begun,
    directStreams: config.fastLane,
    fallback: config.dashboard
      ? dashboardRoutes({
          directory,
          tls: config.tls !== undefined,
          fallback: beside,
          onError: onUnsent,
        })
      : beside,
    onError: onUnsent,
  });
  const guard = new DrainGuard({ stallMs: overrides.stallMs ?? streamLimits.stalledWriteMs });
  const lane = fastLane({
    methods: fastMethods(handlers),
    remembered: authentication.remembered,
    begin: observed.begin,
    begun,
    guard,
    onError: onUnsent,
    onAnswered: () => metrics.fastCalls.inc(),
    messageBytes: requestLimits.messageBytes,
    bodyMs,
    deadlineMs: requestLimits.unaryDeadlineMs,
  });
  return listen({
    handler: withDrainGuard(withCors(rpc, config.corsOrigins), guard),
    lane: config.fastLane ? lane : undefined,
    host: config.host,
    port: config.port,
    ...(config.tls === undefined ? {} : { tls: config.tls }),
    maxHeaderBytes: requestLimits.headerBytes,
    ...(overrides.bodyMs === undefined
      ? {}
      : { timeouts: { headers: overrides.bodyMs, request: overrides.bodyMs } }),
    onError: (error) => logger.error({ err: error }, "the port failed"),
  });
}
