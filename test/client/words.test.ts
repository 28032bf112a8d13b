import { describe, expect, it } from "vitest";
import {
  ActorType,
  ActorTypeSchema,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";
import { ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { actorTypes, apiKeyGrants, scopes, statuses } from "../../src/client/words.ts";

describe("short words", () => {
  it("are the wire's names without their prefix, in the wire's order", () => {
    expect(actorTypes.words).toEqual(["user", "api_key", "service", "system", "anonymous"]);
    expect(scopes.words).toEqual(["team", "admin"]);
    expect(statuses.words).toEqual(["success", "info", "warning", "error"]);
    expect(apiKeyGrants.words).toEqual(["read", "read_admin", "record_any_actor"]);
  });

  it("map both ways", () => {
    for (const { number } of ActorTypeSchema.values.filter(({ number }) => number !== 0)) {
      const word = actorTypes.word(number as ActorType) ?? "";
      expect(actorTypes.value(word)).toBe(number);
    }
    expect(scopes.value("admin")).toBe(EntryScope.ADMIN);
    expect(statuses.word(EntryStatus.WARNING)).toBe("warning");
    expect(apiKeyGrants.value("record_any_actor")).toBe(ApiKeyGrant.RECORD_ANY_ACTOR);
    expect(actorTypes.value("api_key")).toBe(ActorType.API_KEY);
  });

  it("have none for the unspecified value, and the number for one that is not known yet", () => {
    expect(statuses.word(EntryStatus.UNSPECIFIED)).toBeUndefined();
    expect(statuses.word(17 as EntryStatus)).toBe("17");
  });

  it("refuse others and name the allowed ones", () => {
    for (const wrong of ["", "SUCCESS", "ENTRY_STATUS_SUCCESS", "unspecified", "toString"]) {
      expect(() => statuses.value(wrong)).toThrow(/must be one of success, info, warning, error$/);
    }
  });
});
