import { describe, expect, it } from "vitest";
import { formatExportLine } from "../../src/client/export-lines.ts";
import { verifyTlogProof } from "../../src/client/proof-verify.ts";
import { formatTlogProof, parseTlogProof, TlogProofError } from "../../src/client/tlog-proof.ts";
import { VerificationError } from "../../src/client/verify/fault.ts";
import { Verifier } from "../../src/client/verify/verifier.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { signedLog } from "./signed-log.ts";

const log = signedLog(5);
const entry = log.entries[2] as (typeof log.entries)[number];
const { leafIndex: index, hashes } = log.inclusion(3n);
const checkpoint = log.checkpoint();
const extra = new TextEncoder().encode(formatExportLine({ kind: "entry", entry }));
const text = formatTlogProof({ extra, index, hashes, checkpoint });
const [magic, extraLine, indexLine, ...rest] = text.split("\n");
const lines = (...parts: (string | undefined)[]) => parts.join("\n");

describe("a proof file", () => {
  it("is read as it was written", () => {
    expect(parseTlogProof(text)).toEqual({ extra, index, hashes: [...hashes], checkpoint });
    const bare = { index: 0n, hashes: [], checkpoint };
    expect(parseTlogProof(formatTlogProof(bare))).toEqual(bare);
  });

  it("holds indexes beyond 2^53", () => {
    const proof = { index: 2n ** 63n - 2n, hashes: [...hashes], checkpoint };
    expect(parseTlogProof(formatTlogProof(proof))).toEqual(proof);
  });

  it.each<[what: string, text: string, message: RegExp]>([
    ["nothing", "", /no empty line/],
    ["CRLF", text.replaceAll("\n", "\r\n"), /CR in its line ends/],
    ["one CR, in the checkpoint", text.replace(/\n$/, "\r\n"), /CR in its line ends/],
    ["a byte order mark", `\ufeff${text}`, /line 1 has spaces/],
    ["another version", text.replace("@v1", "@v2"), /line 1 is not c2sp.org\/tlog-proof@v1/],
    [
      "a space behind a line",
      text.replace(`${indexLine}\n`, `${indexLine} \n`),
      /line 3 has spaces/,
    ],
    [
      "a space before a line",
      text.replace(`${indexLine}\n`, ` ${indexLine}\n`),
      /line 3 has spaces/,
    ],
    [
      "extra twice",
      lines(magic, extraLine, extraLine, indexLine, ...rest),
      /line 3 is not "index"/,
    ],
    ["extra behind index", lines(magic, indexLine, extraLine, ...rest), /line 3 is not a hash/],
    [
      "extra that is no base64",
      lines(magic, "extra a", indexLine, ...rest),
      /line 2 is not "extra"/,
    ],
    ["extra without base64", lines(magic, "extra", indexLine, ...rest), /line 2 is not "extra"/],
    ["no index", lines(magic, extraLine, ...rest), /line 3 is not "index"/],
    ["a negative index", text.replace(/index \d+/, "index -1"), /line 3 is not "index"/],
    ["an index with a zero before it", text.replace(/index /, "index 0"), /line 3 is not "index"/],
    ["a hexadecimal index", text.replace(/index \d+/, "index 0x2"), /line 3 is not "index"/],
    ["an index of 2^63 - 1", text.replace(/index \d+/, `index ${2n ** 63n - 1n}`), /below 2\^63/],
    ["an index of 30 digits", text.replace(/index \d+/, `index ${"9".repeat(30)}`), /below 2\^63/],
    ["a short hash", text.replace(/index \d+\n.{44}/, "index 2\nAAAA"), /line 4 is not a hash/],
    ["an extra line", text.replace("\n\n", "\nhello\n\n"), /is not a hash/],
    ["no empty line", text.replace("\n\n", "\n").replace("\n\n", "\n"), /no empty line/],
    [
      "too many hashes",
      text.replace("\n\n", `\n${`${"A".repeat(43)}=\n`.repeat(64)}\n`),
      /more than any/,
    ],
    ["a megabyte", `${text}${"\n".repeat(1024 * 1024)}`, /too large/],
  ])("is refused with %s", (_, mutated, message) => {
    expect(mutated).not.toBe(text);
    expect(() => parseTlogProof(mutated)).toThrow(TlogProofError);
    expect(() => parseTlogProof(mutated)).toThrow(message);
  });
});

describe("verifying a proof file", () => {
  const verifier = new Verifier({ keys: [log.verifierKey], sha256 });
  const withExtra = (bytes: string) =>
    formatTlogProof({ extra: new TextEncoder().encode(bytes), index, hashes, checkpoint });

  it("gives the entry and the checkpoint that it is in", async () => {
    const proved = await verifyTlogProof(text, verifier);
    expect(proved).toMatchObject({
      entry: { id: entry.id, sequence: 3n },
      checkpoint: { size: 5n },
    });
  });

  it("works far beyond 2^53 entries", async () => {
    const pruned = 2n ** 62n + 5n;
    const late = signedLog(4, { pruned });
    const last = late.entries[3] as typeof entry;
    const line = formatExportLine({ kind: "entry", entry: last });
    const proof = {
      ...{ extra: new TextEncoder().encode(line), checkpoint: late.checkpoint() },
      ...{ index: last.sequence - 1n, hashes: late.inclusion(last.sequence).hashes },
    };
    const known = new Verifier({ keys: [late.verifierKey], sha256 });
    const proved = await verifyTlogProof(formatTlogProof(proof), known);
    expect(proved.entry.sequence).toBe(pruned + 4n);
  });

  it.each<[what: string, proof: string, message: RegExp]>([
    ["no entry", formatTlogProof({ index, hashes, checkpoint }), /no entry: line 2 is not extra/],
    [
      "an extra that is no JSON",
      withExtra("entry"),
      /line 2 does not hold an entry: it is not JSON/,
    ],
    ["an extra that is a hash", withExtra('{"withheld":{"sequence":1,"leafHash":"A"}}'), /line 2/],
    ["an extra of another team", withExtra("{}"), /another log/],
    ["another index", text.replace(/index \d+/, "index 3"), /entry 3: .*another position/],
    ["a hash missing", text.replace(/(index \d+\n).*\n/, "$1"), /too many or too few/],
    ["a hash too many", text.replace("\n\n", `\n${"A".repeat(43)}=\n\n`), /too many or too few/],
    ["hashes swapped", text.replace(/(index \d+\n)(.*\n)(.*\n)/, "$1$3$2"), /does not have this/],
    ["an earlier checkpoint", text.slice(0, -checkpoint.length) + log.checkpoint(4n), /entry 3: /],
    [
      "another key's checkpoint",
      text.slice(0, -checkpoint.length) + signedLog(5).checkpoint(),
      /no known key/,
    ],
    ["a checkpoint cut off", text.slice(0, -1), /not a signed note/],
  ])("refuses %s", async (_, proof, message) => {
    expect(proof).not.toBe(text);
    await expect(verifyTlogProof(proof, verifier)).rejects.toThrow(message);
  });

  it("refuses every change of a byte, and every beginning", async () => {
    const whole = Buffer.from(text);
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const refused = async (bytes: Uint8Array) => {
      const error = await verifyTlogProof(decoder.decode(bytes), verifier).catch((e: unknown) => e);
      expect(error instanceof TlogProofError || error instanceof VerificationError).toBe(true);
    };
    for (let at = 0; at < whole.length; at++) {
      await refused(whole.subarray(0, at));
      const mutated = Buffer.from(whole);
      mutated[at] = (mutated[at] ?? 0) ^ (at % 2 === 0 ? 1 : 0x20);
      await refused(mutated);
    }
  });
});
