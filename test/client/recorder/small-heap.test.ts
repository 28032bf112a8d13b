import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const recorderModule = new URL("../../../src/client/recorder/create-recorder.ts", import.meta.url);

const program = `
import { createRecorder } from ${JSON.stringify(recorderModule.href)};
const recorder = createRecorder({ baseUrl: "http://127.0.0.1:1", token: "none", ...JSON.parse(process.argv[1]) });
recorder.on("dropped", () => undefined);
recorder.on("unreachable", () => undefined);
// Until the directory has opened nothing is known of the disk.
while (!(await recorder.flush({ timeoutMs: 100 })));
for (let i = 0; i < 30_000; i++) {
  recorder.record({ action: "create", metadata: { text: "x".repeat(4_000) + i } });
}
console.log(JSON.stringify(recorder.stats));
process.exit();
`;

test("a burst does not end a process whose heap is small: what is beyond an eighth of it is dropped", async () => {
  const spillDirectory = await mkdtemp(join(tmpdir(), "annals-test-"));
  try {
    const options = JSON.stringify({ spillDirectory });
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--max-old-space-size=96",
      ...["--input-type=module", "--eval", program, "--", options],
    ]);
    const { taken, waiting, dropped } = JSON.parse(stdout);
    expect(taken).toBe(30_000);
    // The most that memory may hold in any case.
    expect(waiting.bytes).toBeGreaterThan(0.99 * 16 * 2 ** 20);
    expect(waiting.entries + dropped.overflow).toBe(taken);
  } finally {
    await rm(spillDirectory, { recursive: true, force: true });
  }
});
