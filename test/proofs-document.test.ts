import { createPrivateKey, createPublicKey, hash, sign, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import { clone, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { AuditEntrySchema, DetailsState } from "../gen/audit/v1/entry_pb.ts";
import { Verifier } from "../src/client/verify/verifier.ts";

/**
 * The worked example of docs/proofs.md, recomputed from the page by code that was written from the
 * page and takes nothing of ours. That ours agrees with the page is the last test.
 */

const page = await readFile(new URL("../docs/proofs.md", import.meta.url), "utf8");
const blocks = new Map(
  Array.from(page.matchAll(/^```\w+ example:(\S+)\n(.*?)^```$/gms), ([, name, text]) => [
    name ?? "",
    text ?? "",
  ]),
);

/** A block of the page, as it stands there without its last line end. */
function block(name: string): string {
  const text = blocks.get(name);
  if (text === undefined) throw new Error(`docs/proofs.md has no example ${name}`);
  return text.replace(/\n$/, "");
}

interface ApiEntry {
  id: string;
  teamId: string;
  recorder: { type: string; id: string };
  actor: { type: string; id: string; name?: string };
  resource?: { type: string; id?: string; name?: string };
  action: string;
  scope: string;
  status: string;
  metadata?: unknown;
  context?: Record<string, string>;
  occurTime?: string;
  recordTime: string;
  detailsSalt: string;
  detailsDigest: string;
  leafHash: string;
}

const entries = [1, 2, 3].map((n) => JSON.parse(block(`entry-${n}`)) as ApiEntry);

const sha256 = (...parts: Uint8Array[]) => hash("sha256", Buffer.concat(parts), "buffer");
const utf8 = (text: string) => Buffer.from(text, "utf8");
const node = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const lines = (name: string) =>
  block(name)
    .split("\n")
    .map((line) => Buffer.from(line, "hex"));

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

function detailsText({ actor, resource, metadata, context }: ApiEntry): string {
  const { ipAddress, userAgent, requestId, traceId } = context ?? {};
  return canonical({
    actor: actor.name && { name: actor.name },
    resource: resource?.name && { name: resource.name },
    metadata,
    context: context && {
      ip_address: ipAddress,
      user_agent: userAgent,
      request_id: requestId,
      trace_id: traceId,
    },
  });
}

const detailsDigest = (entry: ApiEntry) =>
  sha256(Buffer.from(entry.detailsSalt, "base64"), utf8(detailsText(entry)));
const word = (prefix: string, name: string) => name.slice(prefix.length).toLowerCase();
const time = (text: string | undefined) => text && new Date(text).toISOString();

function leafText(entry: ApiEntry): string {
  const { resource } = entry;
  return canonical({
    v: 1,
    id: entry.id,
    team_id: entry.teamId,
    recorder: entry.recorder,
    actor: { type: word("ACTOR_TYPE_", entry.actor.type), id: entry.actor.id },
    resource: resource && { type: resource.type, id: resource.id },
    action: entry.action,
    scope: word("ENTRY_SCOPE_", entry.scope),
    status: word("ENTRY_STATUS_", entry.status),
    occur_time: time(entry.occurTime),
    record_time: time(entry.recordTime),
    details: detailsDigest(entry).toString("base64url"),
  });
}

const leaves = entries.map((entry) => sha256(Uint8Array.of(0), utf8(leafText(entry))));
const [first = utf8(""), second = utf8(""), third = utf8("")] = leaves;

describe("the worked example of docs/proofs.md", () => {
  test.each([1, 2, 3])("entry %i has the details, the leaf and the hashes that it prints", (n) => {
    const entry = entries[n - 1] as ApiEntry;
    expect(detailsText(entry)).toBe(block(`details-text-${n}`));
    expect(hex(detailsDigest(entry))).toBe(block(`details-digest-${n}`));
    expect(detailsDigest(entry).toString("base64")).toBe(entry.detailsDigest);
    expect(leafText(entry)).toBe(block(`leaf-text-${n}`));
    expect(hex(leaves[n - 1] as Uint8Array)).toBe(block(`leaf-hash-${n}`));
    expect(Buffer.from(leaves[n - 1] as Uint8Array).toString("base64")).toBe(entry.leafHash);
  });

  test("the tree has the roots that it prints", () => {
    expect(hex(node(first, second))).toBe(block("root-2"));
    expect(hex(node(node(first, second), third))).toBe(block("root-3"));
  });

  test("the proofs lead from leaf to root and from root to root", () => {
    const [left = utf8(""), right = utf8("")] = lines("inclusion-2-in-3");
    expect(lines("inclusion-2-in-3")).toHaveLength(2);
    expect(hex(node(node(left, second), right))).toBe(block("root-3"));
    const [rest = utf8("")] = lines("consistency-2-to-3");
    expect(lines("consistency-2-to-3")).toHaveLength(1);
    expect(hex(node(Buffer.from(block("root-2"), "hex"), rest))).toBe(block("root-3"));
  });

  test("the key and the checkpoints are made as it says", () => {
    const [name = "", id = "", encoded = ""] = block("verifier-key").split("+");
    const key = Buffer.from(block("verifier-key").slice(name.length + id.length + 2), "base64");
    expect(key.subarray(0, 1)).toEqual(Buffer.of(1));
    expect(encoded).not.toBe("");
    const keyId = sha256(utf8(`${name}\n`), key).subarray(0, 4);
    expect(hex(keyId)).toBe(id);

    const secret = /\+([A-Za-z0-9/=]+)$/.exec(block("signing-key"))?.[1] ?? "";
    const seed = Buffer.from(secret, "base64").subarray(1);
    const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
    const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    const publicKey = createPublicKey(privateKey);
    const spki = publicKey.export({ format: "der", type: "spki" });
    expect(hex(spki.subarray(-32))).toBe(hex(key.subarray(1)));

    for (const size of [2, 3]) {
      const root = Buffer.from(block(`root-${size}`), "hex").toString("base64");
      const text = `${name}/${entries[0]?.teamId}\n${size}\n${root}\n`;
      const signature = sign(null, utf8(text), privateKey);
      const signed = Buffer.concat([keyId, signature]).toString("base64");
      expect(block(`checkpoint-${size}`)).toBe(`${text}\n— ${name} ${signed}`);
      expect(verify(null, utf8(text), publicKey, signature)).toBe(true);
    }
  });

  test("is verified by the verifier, before and after the first entry's details were erased", async () => {
    const verifier = new Verifier({ keys: [block("verifier-key")] });
    const teamId = entries[0]?.teamId ?? "";
    const messages = entries.map((entry) => fromJson(AuditEntrySchema, { ...entry } as JsonValue));
    const [created, cleaned, erasure] = messages;
    if (!created || !cleaned || !erasure) throw new Error("there are three entries");

    const before = verifier.walk(teamId);
    for (const entry of [created, cleaned]) before.addEntry(entry);
    const two = await verifier.verifyCheckpoint(`${block("checkpoint-2")}\n`, teamId);
    expect(before.finish(two)).toMatchObject({ opened: 2, erased: 0, withheld: 0 });

    const erased = clone(AuditEntrySchema, created);
    for (const field of ["metadata", "context"] as const) delete erased[field];
    for (const named of [erased.actor, erased.resource]) if (named) named.name = "";
    erased.detailsSalt = new Uint8Array();
    erased.detailsState = DetailsState.ERASED;
    const after = verifier.walk(teamId);
    for (const entry of [erased, cleaned, erasure]) after.addEntry(entry);
    const three = await verifier.verifyCheckpoint(`${block("checkpoint-3")}\n`, teamId);
    expect(after.finish(three)).toMatchObject({ opened: 3, erased: 1, withheld: 0 });

    const hashes = lines("inclusion-2-in-3");
    verifier.verifyEntry(cleaned, { leafIndex: 1n, treeSize: 3n, hashes }, three);
    await verifier.remember(two, () => Promise.reject(new Error("nothing to compare with")));
    expect(await verifier.remember(three, async () => lines("consistency-2-to-3"))).toEqual(two);
  });

  test("everything that it prints is looked at", () => {
    const looked = ["entry", "details-text", "details-digest", "leaf-text", "leaf-hash"].flatMap(
      (name) => [1, 2, 3].map((n) => `${name}-${n}`),
    );
    const others = ["root-2", "root-3", "signing-key", "verifier-key"];
    const proofs = ["checkpoint-2", "checkpoint-3", "inclusion-2-in-3", "consistency-2-to-3"];
    expect([...blocks.keys()].sort()).toEqual([...looked, ...others, ...proofs].sort());
  });
});
