import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import {
  Health as HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { requestLimits } from "../limits.ts";

/** Whether this server should be given calls. Alive is not its subject: who can ask is alive. */
export interface Health {
  /** Full names of the services that are served. They are ready together. */
  readonly services: readonly string[];
  /** True while no check fails. */
  readonly ready: boolean;
  /** Why not ready: `check: why` of each failing check, in the order of their failing. Public. */
  readonly reasons: string[];
  /** Sets the outcome of a check. `why` is shown to anyone who asks: no secrets. */
  set(check: string, ok: boolean, why?: string): void;
  /** Calls the listener whenever `ready` has changed, until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** Makes a Health without checks, which is ready. */
export function createHealth(services: readonly string[]): Health {
  const failing = new Map<string, string>();
  const listeners = new Set<() => void>();
  return {
    services,
    get ready() {
      return failing.size === 0;
    },
    get reasons() {
      return Array.from(failing, ([check, why]) => `${check}: ${why}`);
    },
    set(check, ok, why = "failing") {
      const wasReady = this.ready;
      if (ok) failing.delete(check);
      else failing.set(check, why);
      if (this.ready !== wasReady) for (const listener of [...listeners]) listener();
    },
    onChange(listener) {
      // A function of its own, so that the same listener can be added twice.
      const entry = (): void => listener();
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
  };
}

/**
 * Serves grpc.health.v1, whose empty service name means the server as a whole. Watches end when
 * `shutdownSignal` aborts, with its reason.
 */
export function healthRoutes(
  health: Health,
  shutdownSignal?: AbortSignal,
): (router: ConnectRouter) => void {
  const statusOf = (service: string): ServingStatus => {
    if (service !== "" && !health.services.includes(service)) return ServingStatus.SERVICE_UNKNOWN;
    return health.ready ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };

  return (router) => {
    const implementation: ServiceImpl<typeof HealthService> = {
      check({ service }) {
        const status = statusOf(service);
        if (status === ServingStatus.SERVICE_UNKNOWN) {
          throw new ConnectError("unknown service", Code.NotFound);
        }
        return { status };
      },

      list() {
        const names = ["", ...health.services];
        return {
          statuses: Object.fromEntries(names.map((name) => [name, { status: statusOf(name) }])),
        };
      },

      async *watch({ service }, { signal }) {
        let wake = (): void => {};
        const onEvent = (): void => wake();
        const unsubscribe = health.onChange(onEvent);
        signal.addEventListener("abort", onEvent);
        try {
          let sent: ServingStatus | undefined;
          while (!signal.aborted) {
            const status = statusOf(service);
            if (status !== sent) {
              sent = status;
              yield { status };
              continue;
            }
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          // The reason holds the code: the deadline, the client's leaving, or the server's.
          throw signal.reason;
        } finally {
          unsubscribe();
          signal.removeEventListener("abort", onEvent);
        }
      },
    };
    router.service(HealthService, implementation, {
      readMaxBytes: requestLimits.publicMessageBytes,
      ...(shutdownSignal === undefined ? {} : { shutdownSignal }),
    });
  };
}
