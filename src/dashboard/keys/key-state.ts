/** What has become of an API key. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { ApiKey } from "../../../gen/audit/v1/key_service_pb.ts";

/** Whether a key works, and if not, why. */
export type KeyState = "active" | "expired" | "revoked";

/** The state of a key at a time, in milliseconds since 1970. */
export function keyState(key: Pick<ApiKey, "expireTime" | "revokeTime">, now: number): KeyState {
  if (key.revokeTime) return "revoked";
  return key.expireTime && timestampMs(key.expireTime) <= now ? "expired" : "active";
}
