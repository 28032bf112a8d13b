import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { CallerSchema, CallerType, TeamRole } from "../../gen/audit/v1/access_service_pb.ts";
import { ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { grantsInWords, roleWords } from "../../src/dashboard/session/caller-words.ts";
import { nextChange, noticeMs, timeLeft } from "../../src/dashboard/session/expiry.ts";
import { identityOf } from "../../src/dashboard/session/identity.ts";
import { parsePasted } from "../../src/dashboard/session/pasted-credential.ts";
import { isFound, platformTeam, shortTeam } from "../../src/dashboard/shell/team-words.ts";
import { failureMessage, requestIdOf } from "../../src/dashboard/states/failure-message.ts";

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3ItMSJ9.c2ln_-bmF0dXJl";

describe("a pasted credential", () => {
  it.each([
    ["as it is", jwt],
    ["with spaces and line ends around it", `\n  ${jwt}\r\n`],
    [
      "broken into lines by a terminal",
      `${jwt.slice(0, 20)}\n${jwt.slice(20, 40)}\r\n ${jwt.slice(40)}`,
    ],
    ["with Bearer before it", `bearer ${jwt}`],
    ["as a whole header", `Authorization: Bearer ${jwt}`],
    ["as the header of an API key", `X-API-Key: ${jwt}`],
    ["in quotation marks", `"${jwt}"`],
    ["as a sign-in link", `http://127.0.0.1:8080/?team=all#token=${jwt}`],
    ["as a link with more in its fragment", `https://a.example/#x=1&token=${jwt}&y=2`],
  ])("is taken %s", (_, text) => {
    expect(parsePasted(text)).toEqual({ credential: jwt });
  });

  it.each([
    ["nothing", ""],
    ["white space", " \n\t "],
    ["a word in another script", "ключ"],
    ["an emoji", `${jwt}🔑`],
    ["a text of megabytes", "a".repeat(3_000_000)],
    ["a link with a broken escape", "http://a.example/#token=%E0%A4%A"],
  ])("is refused before a call if it is %s", (_, text) => {
    const pasted = parsePasted(text);
    if ("credential" in pasted) expect(pasted.credential).toMatch(/^[!-~]{1,100}$/);
    else expect(pasted.mistake).toMatch(/[.]$/);
  });
});

describe("who is signed in", () => {
  const caller = (init: Parameters<typeof create<typeof CallerSchema>>[1]) =>
    create(CallerSchema, init);
  const ada = caller({
    id: "usr-1",
    type: CallerType.USER,
    teamId: "team-1",
    role: TeamRole.ADMIN,
  });

  it("is the same with another name and another end", () => {
    const again = { ...ada, name: "Ada", expireTime: undefined };
    expect(identityOf(again)).toBe(identityOf(ada));
  });

  it.each([
    ["another id", { id: "usr-2" }],
    ["another team", { teamId: "team-2" }],
    ["another role", { role: TeamRole.MEMBER }],
    ["another kind", { type: CallerType.PLATFORM_ADMIN }],
    ["another grant", { grants: [ApiKeyGrant.READ] }],
  ])("is another with %s", (_, change) => {
    expect(identityOf({ ...ada, ...change })).not.toBe(identityOf(ada));
  });

  it("is said in words", () => {
    expect(roleWords(ada)).toBe("an admin of the team");
    expect(roleWords(caller({ type: CallerType.API_KEY }))).toBe("an API key");
    expect(roleWords(caller({ type: 99 as CallerType }))).toContain("does not know");
    expect(grantsInWords([])).toBe("records as itself");
    expect(grantsInWords([ApiKeyGrant.READ, ApiKeyGrant.READ_ADMIN])).toBe(
      "records as itself, reads all entries",
    );
    expect(grantsInWords([ApiKeyGrant.RECORD_ANY_ACTOR])).toBe("records for anybody");
  });
});

describe("the end of a credential", () => {
  it("is told in whole minutes, hours and days", () => {
    expect(timeLeft(-1)).toBe("less than a minute");
    expect(timeLeft(60_000)).toBe("1 more minute");
    expect(timeLeft(5 * 60_000)).toBe("5 more minutes");
    expect(timeLeft(3 * 3_600_000)).toBe("3 more hours");
    expect(timeLeft(72 * 3_600_000)).toBe("3 more days");
  });

  it("is looked at again when what is said of it changes, and always later", () => {
    const end = 10_000_000;
    expect(nextChange(end, 0)).toBe(end - noticeMs);
    expect(nextChange(end, end - noticeMs)).toBe(end - 4 * 60_000);
    expect(nextChange(end, end - 1)).toBe(end);
    for (const now of [0, end - noticeMs, end - 60_000, end - 59_999, end - 1, end, end + 1]) {
      expect(nextChange(end, now)).toBeGreaterThan(now);
    }
  });
});

describe("a team", () => {
  const id = "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11";
  it("is shown short, and found by any part of its id", () => {
    expect(shortTeam(id)).toBe("team-5b1f3a52…7c11");
    expect(shortTeam(platformTeam)).toBe("Platform team");
    expect(isFound(id, " 4F0E ")).toBe(true);
    expect(isFound(id, "")).toBe(true);
    expect(isFound(id, "platform")).toBe(false);
    expect(isFound(platformTeam, "platf")).toBe(true);
  });
});

describe("a failure in words", () => {
  const failed = (code: Code, reason?: string) =>
    new ConnectError(
      "secret detail",
      code,
      { "x-request-id": "req-1" },
      reason === undefined
        ? []
        : [{ desc: ErrorInfoSchema, value: { reason, domain: "audit.v1" } }],
    );
  it.each([
    [failed(Code.Unauthenticated, "CREDENTIAL_EXPIRED"), /expired/],
    [failed(Code.Unauthenticated, "CREDENTIAL_REVOKED"), /revoked/],
    [failed(Code.Unauthenticated, "CREDENTIAL_INVALID"), /does not work here/],
    [failed(Code.Unavailable, "CREDENTIAL_UNVERIFIABLE"), /cannot be checked/],
    [failed(Code.Unavailable, "DATABASE_UNAVAILABLE"), /just now/],
    [failed(Code.Unavailable), /cannot be reached/],
    [failed(Code.Unknown), /cannot be reached/],
    [new TypeError("Failed to fetch"), /cannot be reached/],
    [failed(Code.PermissionDenied), /may not/],
    [failed(Code.NotFound), /nothing here/],
    [failed(Code.Unauthenticated, "A_REASON_OF_TOMORROW"), /not signed in/],
    [new Error("The file could not be written"), /did not work/],
  ])("%s", (error, title) => {
    const message = failureMessage(error);
    expect(message.title).toMatch(title);
    expect(message.advice).not.toContain("secret detail");
  });

  it("names the request, so that its log can be found", () => {
    expect(requestIdOf(failed(Code.Internal, "INTERNAL"))).toBe("req-1");
    expect(requestIdOf(new Error("x"))).toBeUndefined();
  });
});
