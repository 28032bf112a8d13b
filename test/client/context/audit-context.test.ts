import { EventEmitter } from "node:events";
import { setTimeout } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import {
  currentAuditContext,
  setAuditContext,
  withAuditContext,
  withoutAuditContext,
} from "../../../src/client/context/audit-context.ts";
import { surroundings } from "../../../src/client/context/surroundings.ts";
import type { NewActor } from "../../../src/client/new-entry.ts";
import { hammerBlows, seenWhileWorking } from "./hammer.ts";

const ada: NewActor = { type: "user", id: "usr-7f0c9f60-33a3-4f59-8b0c-0d1a5a1a2b3c", name: "Ada" };
const system: NewActor = { type: "system" };
const teamId = "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11";

const warnings: string[] = [];
process.on("warning", ({ message }) => warnings.push(message));
beforeEach(() => warnings.splice(0));

/** What a program without types may pass. */
const untyped = (value: unknown) => value as never;

test("outside any context nothing is filled in", () => {
  const { actor, teamId: team, context } = surroundings();
  expect([actor, team, context]).toEqual([undefined, undefined, undefined]);
  expect(currentAuditContext()).toBeUndefined();
});

test("an entry recorded in a context is given what the context has", () => {
  const request = { requestId: "r", traceId: "t", ipAddress: "2001:db8::1", userAgent: "curl" };
  const found = withAuditContext({ actor: ada, teamId, ...request }, () => {
    const { actor, teamId: team, context } = surroundings();
    return { actor, team, context, current: currentAuditContext() };
  });
  expect(found).toEqual({
    actor: ada,
    team: teamId,
    context: request,
    current: { actor: ada, teamId, ...request },
  });
});

test("the function's answer, or what it throws, comes through", async () => {
  expect(withAuditContext({}, () => 7)).toBe(7);
  await expect(withAuditContext({}, async () => 8)).resolves.toBe(8);
  expect(() =>
    withAuditContext({}, () => {
      throw new Error("own");
    }),
  ).toThrow("own");
});

test("an inner context inherits what it does not set, and ends with its function", () => {
  withAuditContext({ actor: ada, requestId: "outer", userAgent: "curl" }, () => {
    withAuditContext({ actor: system, requestId: "inner", userAgent: undefined }, () => {
      expect(currentAuditContext()).toEqual({
        actor: system,
        requestId: "inner",
        userAgent: "curl",
      });
    });
    expect(currentAuditContext()).toEqual({ actor: ada, requestId: "outer", userAgent: "curl" });
  });
  expect(currentAuditContext()).toBeUndefined();
});

test("what a request starts for others can be kept out of its context", () => {
  withAuditContext({ actor: ada }, () => {
    expect(withoutAuditContext(() => currentAuditContext())).toBeUndefined();
    expect(currentAuditContext()).toEqual({ actor: ada });
  });
});

test("a thousand contexts at once never see one another's actor", async () => {
  const all = await Promise.all(
    Array.from({ length: hammerBlows }, (_none, index) => {
      const id = `actor-${index}`;
      return withAuditContext({ actor: { type: "service", id } }, async () => ({
        id,
        seen: await withAuditContext({ requestId: id }, seenWhileWorking),
      }));
    }),
  );
  for (const { id, seen } of all) expect(seen).toEqual(Array(seen.length).fill(id));
  expect(all[0]?.seen.length).toBeGreaterThan(8);
});

test("the actor can be set once it is known", async () => {
  await withAuditContext({ requestId: "r" }, async () => {
    await setTimeout(1);
    expect(setAuditContext({ actor: ada, teamId })).toBe(true);
    await setTimeout(1);
    expect(currentAuditContext()).toEqual({ actor: ada, teamId, requestId: "r" });
  });
  expect(currentAuditContext()).toBeUndefined();
});

test("setting the actor outside any context does nothing, and warns once", async () => {
  expect(setAuditContext({ actor: ada })).toBe(false);
  expect(setAuditContext({ actor: ada })).toBe(false);
  await setTimeout(1);
  expect(currentAuditContext()).toBeUndefined();
  expect(warnings).toEqual(["setAuditContext was called outside any audit context"]);
});

test("a function is asked for every entry, and may know only later", () => {
  let user: NewActor | undefined;
  withAuditContext({ actor: () => user, teamId: () => teamId }, () => {
    expect(surroundings().actor).toBeUndefined();
    user = ada;
    expect(surroundings().actor).toBe(ada);
    expect(surroundings().teamId).toBe(teamId);
  });
});

test("an inner function that knows nobody leaves it to the outer context", () => {
  let inner: NewActor | undefined;
  withAuditContext({ actor: () => ada }, () => {
    withAuditContext({ actor: () => inner }, () => {
      expect(surroundings().actor).toBe(ada);
      inner = system;
      expect(surroundings().actor).toBe(system);
    });
  });
});

test("a function that throws, promises, or answers nonsense gives no actor, and warns once", async () => {
  const functions = [
    () => {
      throw new Error("no session");
    },
    async () => Promise.reject(new Error("not awaited")),
    () => "usr-1",
    () => null,
  ];
  for (let round = 0; round < 2; round += 1) {
    for (const actor of functions) {
      withAuditContext({ actor: untyped(actor), requestId: "r" }, () => {
        expect(currentAuditContext()).toEqual({ requestId: "r" });
      });
    }
  }
  await setTimeout(1);
  expect(warnings.toSorted()).toEqual([
    "an audit context's actor is not of its type, and is left out",
    expect.stringContaining("an audit context's actor threw, and is left out: Error: no session"),
  ]);
});

test("a function that itself records does not ask itself", () => {
  let calls = 0;
  const actor = () => {
    calls += 1;
    expect(surroundings().actor).toBeUndefined();
    return ada;
  };
  withAuditContext({ actor }, () => expect(surroundings().actor).toBe(ada));
  expect(calls).toBe(1);
});

test("a function may read the rest of the context, and what it records in contexts of its own does not ask it", () => {
  let calls = 0;
  const actor = () => {
    calls += 1;
    for (let round = 0; round < 2; round += 1) {
      withAuditContext({ requestId: "own" }, () => expect(surroundings().actor).toBeUndefined());
    }
    return ada;
  };
  const teamOf = () => (currentAuditContext()?.actor === ada ? teamId : undefined);
  withAuditContext({ actor, teamId: teamOf, requestId: "r" }, () => {
    expect(surroundings().teamId).toBe(teamId);
    expect(calls).toBe(1);
    expect(currentAuditContext()).toEqual({ actor: ada, teamId, requestId: "r" });
  });
});

test("a function that is set takes the place of the one before, however often", () => {
  withAuditContext({ actor: () => ada }, () => {
    for (let round = 0; round < 50_000; round += 1) setAuditContext({ actor: () => undefined });
    expect(surroundings().actor).toBeUndefined();
    setAuditContext({ actor: () => system });
    setAuditContext({ teamId });
    expect(currentAuditContext()).toEqual({ actor: system, teamId });
  });
  expect(warnings).toEqual([]);
});

test("an actor that cannot even be looked at is left out", () => {
  const trap = () => {
    throw new Error("trap");
  };
  const hostile = new Proxy({ type: "system" } as const, { get: trap, getPrototypeOf: trap });
  for (const actor of [hostile, () => hostile]) {
    withAuditContext({ actor, requestId: "r" }, () => {
      expect(currentAuditContext()).toEqual({ requestId: "r" });
    });
  }
});

test("values that would have the entry refused are made to fit or left out", async () => {
  const hostile = {
    requestId: `${"é".repeat(200)}`,
    traceId: untyped(7),
    ipAddress: "not an address",
    userAgent: `Mozilla\r\nX: \ud800${"x".repeat(5_000)}`,
  };
  const context = withAuditContext(hostile, () => currentAuditContext());
  expect(context).toEqual({
    requestId: "é".repeat(128),
    userAgent: `Mozilla  X: \ufffd${"x".repeat(1_009)}`,
  });
  await setTimeout(1);
  expect(warnings).toEqual(["an audit context's address is none"]);
});

test("a context that cannot even be read is left out, and the function runs", () => {
  const context = new Proxy(
    {},
    {
      get: () => {
        throw new Error("hostile");
      },
    },
  );
  expect(withAuditContext(context, () => "ran")).toBe("ran");
  expect(withAuditContext(untyped(null), () => "ran")).toBe("ran");
});

test("another copy of the package shares the context", async () => {
  const path = "../../../src/client/context/audit-context.ts?another";
  const other: typeof import("../../../src/client/context/audit-context.ts") = await import(path);
  expect(other.withAuditContext).not.toBe(withAuditContext);
  expect(other.withAuditContext({ actor: ada }, () => currentAuditContext())).toEqual({
    actor: ada,
  });
});

test("a listener runs in the context of whoever emits, as ever in Node", () => {
  const emitter = new EventEmitter();
  const seen: unknown[] = [];
  emitter.on("event", () => seen.push(currentAuditContext()));
  withAuditContext({ actor: ada }, () => emitter.emit("event"));
  expect(seen).toEqual([{ actor: ada }]);
});
