import { expect, test } from "vitest";
import type { TeamId } from "../../src/ids.ts";
import { Backlog } from "../../src/proof/backlog.ts";

const teamId = "00000000-0000-7000-8000-00000000000a" as TeamId;

/** A backlog with one log, whose signatures the test settles. */
function backlog() {
  const signatures: PromiseWithResolvers<void>[] = [];
  const made = new Backlog({
    sign: () => {
      const signature = Promise.withResolvers<void>();
      signatures.push(signature);
      return signature.promise;
    },
    onChange: () => undefined,
  });
  made.add(teamId);
  return { made, signatures };
}

test("a backlog that is closed where signing fails does not begin another try", async () => {
  const { made, signatures } = backlog();
  const failing = made.signAll();
  const closed = made.close(60_000);
  signatures[0]?.reject(new Error("the database is silent"));
  await expect(failing).rejects.toThrow("the database is silent");
  await closed;
  expect(signatures).toHaveLength(1);
});

test("a backlog signs once more what has come while it was signing, and then is closed", async () => {
  const { made, signatures } = backlog();
  const signing = made.signAll();
  made.add(teamId);
  const closed = made.close(60_000);
  signatures[0]?.resolve();
  await signing;
  await expect.poll(() => signatures.length).toBe(2);
  signatures[1]?.resolve();
  await closed;
});

test("a backlog that is closed waits no longer than it is told to", async () => {
  const { made, signatures } = backlog();
  const signing = made.signAll();
  await made.close(1);
  signatures[0]?.resolve();
  await signing;
  expect(signatures).toHaveLength(1);
});
