import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";

/**
 * The server's reason for a failed call, by its name in the proto's ErrorReason without the prefix;
 * undefined if the failure is not the server's, or has none. Example: `CREDENTIAL_EXPIRED`
 */
export function reasonOf(error: unknown): string | undefined {
  return error instanceof ConnectError ? error.findDetails(ErrorInfoSchema)[0]?.reason : undefined;
}
