import { describe, expect, it, vi } from "vitest";
import { catalogue } from "../../examples/sandbox-platform/events.ts";
import { seededRandom } from "../../src/cli/demo-random.ts";
import { nextEntry } from "../../src/cli/demo-traffic.ts";
import { createWorld, platformTeam } from "../../src/cli/demo-world.ts";
import { newEntryMessage } from "../../src/client/new-entry-message.ts";
import { createPrefixRegistry, type EntryId } from "../../src/ids.ts";
import { decodeEntry } from "../../src/rpc/codec.ts";
import { useCli } from "../support/cli.ts";
import { TEAM } from "../support/fake-service.ts";

function story(seed: number, length: number) {
  const world = createWorld(seededRandom(1), TEAM);
  const random = seededRandom(seed);
  return Array.from({ length }, () => nextEntry(world, random));
}

describe("the demo's story", () => {
  it("is the same for the same seed", () => {
    expect(story(1, 300)).toEqual(story(1, 300));
    expect(story(1, 300)).not.toEqual(story(2, 300));
  });

  it("is of entries that the server takes", () => {
    const context = {
      principal: { kind: "platform_admin", id: "usr-demo", expiresAt: 0 } as const,
      prefixes: createPrefixRegistry(),
      makeId: () => crypto.randomUUID() as EntryId,
    };
    for (const entry of story(3, 2_000)) {
      expect(decodeEntry(newEntryMessage(entry), "", context)).toBeDefined();
    }
  });

  it("shows everything there is to see", () => {
    const entries = story(4, 2_000);
    for (const { name, resourceType, action, scope, status } of catalogue.events) {
      const rows = entries.filter(({ resource }) => resource?.type === resourceType);
      expect(
        rows.some((entry) => {
          return entry.action === action && entry.scope === scope && entry.status === status;
        }),
        name,
      ).toBe(true);
    }
    expect(new Set(entries.map(({ status }) => status ?? "success"))).toEqual(
      new Set(["success", "info", "warning", "error"]),
    );
    expect(new Set(entries.map(({ teamId }) => teamId)).size).toBe(4);
    expect(entries.some(({ teamId }) => teamId === platformTeam)).toBe(true);
    expect(entries.filter(({ metadata }) => metadata && "amended" in metadata)).toEqual([]);
    expect(new Set(entries.map(({ actor }) => actor?.type))).toEqual(
      new Set(["user", "api_key", "system", "anonymous"]),
    );
  });
});

describe("annals demo", () => {
  const cli = useCli();
  const demo = () => cli.start(["demo", "--url", cli.fake.url, "--rate", "50", "--seed", "1"]);

  it("fills an empty log with history, then goes on until it is ended, through a restart", async () => {
    const { fake } = cli;
    const running = demo();
    await vi.waitFor(() => expect(fake.entries.length).toBeGreaterThan(210), 10_000);
    const [first] = fake.entries;
    expect(first).toMatchObject({ teamId: TEAM, action: "team.create" });
    expect(Number(first?.occurTime?.seconds) * 1000).toBeLessThan(Date.now() - 5 * 3_600_000);
    expect(running.stdout).toContain("npx annals tail");
    await fake.stop();
    const before = fake.entries.length;
    await fake.start();
    await vi.waitFor(() => expect(fake.entries.length).toBeGreaterThan(before + 5), 10_000);
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(0);
  });

  it("writes no second history into a log that has entries", async () => {
    cli.fake.append({});
    const running = demo();
    await vi.waitFor(() => expect(cli.fake.entries.length).toBeGreaterThan(3), 10_000);
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(0);
    expect(cli.fake.entries.length).toBeLessThan(200);
  });
});
