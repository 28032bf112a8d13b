import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { expiryMs } from "../../src/dashboard/keys/expiry-choice.ts";
import { fieldErrors } from "../../src/dashboard/keys/field-errors.ts";
import { keyState } from "../../src/dashboard/keys/key-state.ts";

const now = Date.parse("2026-11-22T12:00:00Z");

describe("the state of an API key", () => {
  it("is active until it is revoked or its time is over", () => {
    const at = (ms: number) => timestampFromMs(ms);
    expect(keyState({}, now)).toBe("active");
    expect(keyState({ expireTime: at(now + 1) }, now)).toBe("active");
    expect(keyState({ expireTime: at(now) }, now)).toBe("expired");
    expect(keyState({ expireTime: at(now - 1), revokeTime: at(now - 2) }, now)).toBe("revoked");
  });
});

describe("when a new API key ends", () => {
  it("is a number of days from now, or never", () => {
    expect(expiryMs("90", "", now)).toBe(now + 90 * 86_400_000);
    expect(expiryMs("never", "2026-12-01", now)).toBe("never");
  });

  it("is with the end of the chosen day, where the reader is", () => {
    expect(expiryMs("date", "2026-12-31", now)).toBe(new Date(2027, 0, 1).getTime());
  });

  it.each(["", "2026-11-20", "31.12.2026", "2026-12-31T00:00"])("is not %o", (day) => {
    expect(expiryMs("date", day, now)).toBeUndefined();
  });
});

describe("a refused key", () => {
  it("blames the fields of the form", () => {
    const value = {
      fieldViolations: [
        { field: "name", description: "is too long" },
        { field: "grants[1]", description: "is not a grant" },
        { field: "name", description: "has a zero" },
      ],
    };
    const refused = new ConnectError("no", Code.InvalidArgument, {}, [
      { desc: BadRequestSchema, value },
    ]);
    expect([...fieldErrors(refused)]).toEqual([
      ["name", "is too long; has a zero"],
      ["grants", "is not a grant"],
    ]);
  });

  it("blames none if the server named none", () => {
    expect(fieldErrors(new Error("x")).size).toBe(0);
    expect(fieldErrors(new ConnectError("x", Code.Unavailable)).size).toBe(0);
  });
});
