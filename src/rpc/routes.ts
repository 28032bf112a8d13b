import type { ConnectRouter } from "@connectrpc/connect";
import { AccessService } from "../../gen/audit/v1/access_service_pb.ts";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { KeyService } from "../../gen/audit/v1/key_service_pb.ts";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { createApiKey } from "./create-api-key.ts";
import { erase } from "./erase.ts";
import { get } from "./get.ts";
import { getCaller } from "./get-caller.ts";
import { getCheckpoint } from "./get-checkpoint.ts";
import { getConsistencyProof } from "./get-consistency-proof.ts";
import { getInclusionProof } from "./get-inclusion-proof.ts";
import { list } from "./list.ts";
import { listApiKeys } from "./list-api-keys.ts";
import { listLogs } from "./list-logs.ts";
import { record, recordResponse } from "./record.ts";
import { recordBatch, recordBatchResponse } from "./record-batch.ts";
import { revokeApiKey } from "./revoke-api-key.ts";
import type { Services } from "./services.ts";
import { stream } from "./stream.ts";
import { summarize } from "./summarize.ts";

/** The services of the API, by which they are listed in health and reflection. */
export const apiServices = [AuditService, KeyService, ProofService, AccessService] as const;

/** The handlers that are called in more ways than one. */
export type RecordHandlers = ReturnType<typeof recordHandlers>;

/** The handlers of Record and RecordBatch, which answer what only then is put on the wire. */
export function recordHandlers(services: Services) {
  return { record: record(services), recordBatch: recordBatch(services) };
}

/** Every RPC of the API, one line each. */
export function apiRoutes(
  services: Services,
  handlers: RecordHandlers,
): (router: ConnectRouter) => void {
  return (router) => {
    router.service(AuditService, {
      record: async (request, context) => recordResponse(await handlers.record(request, context)),
      recordBatch: async (request, context) =>
        recordBatchResponse(await handlers.recordBatch(request, context)),
      get: get(services),
      list: list(services),
      stream: stream(services),
      summarize: summarize(services),
      erase: erase(services),
    });
    router.service(KeyService, {
      createApiKey: createApiKey(services),
      listApiKeys: listApiKeys(services),
      revokeApiKey: revokeApiKey(services),
    });
    router.service(ProofService, {
      getCheckpoint: getCheckpoint(services),
      getInclusionProof: getInclusionProof(services),
      getConsistencyProof: getConsistencyProof(services),
    });
    router.service(AccessService, { getCaller: getCaller(services), listLogs: listLogs(services) });
  };
}
