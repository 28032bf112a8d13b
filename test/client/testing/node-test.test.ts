import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("fails a test of node:test with a readable message", async () => {
  const example = fileURLToPath(new URL("node-test-example.ts", import.meta.url));
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const options = ["--test", "--test-reporter=tap", example];
  const run = promisify(execFile)(process.execPath, options, { env });
  const { code, stdout } = await run.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
  expect(code).toBe(1);
  expect(stdout).toContain("ok 1 - finds what was recorded");
  expect(stdout).toContain("not ok 2 - tells of what was not");
  expect(stdout).toContain("resource.id: expected 'weekly', recorded 'nightly'");
});
