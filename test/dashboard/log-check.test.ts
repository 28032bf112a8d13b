import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { AlarmBook } from "../../src/dashboard/proof/alarms.ts";
import { CheckpointsDisabled, checkLog } from "../../src/dashboard/proof/check-log.ts";
import { keepTrust, readTrust, withGivenKey } from "../../src/dashboard/proof/key-trust.ts";
import { openPageStorage } from "../../src/dashboard/proof/page-storage.ts";
import { proveEntry, type StepName } from "../../src/dashboard/proof/prove-entry.ts";
import { walkLog } from "../../src/dashboard/proof/walk-log.ts";
import { walkWords } from "../../src/dashboard/proof/walk-words.ts";
import { formatNote, formatVerifierKey, parseNote } from "../../src/log/note.ts";
import { makeSigningKey, signNote } from "../../src/log/signing-key.ts";
import { succeeded, useCliLog } from "../support/cli-log.ts";
import { backUpLogs, execute } from "../support/rollback.ts";
import { newId, startTestServer } from "../support/server.ts";

const log = useCliLog();

/** A browser that has not been here before, signed in as somebody of the team. */
async function newVisitor(role: "admin" | "member" = "admin") {
  const token = await log.server.jwt({ role, teamId: log.teamId });
  const { transport } = log.server.clients(token);
  const client = {
    audit: createClient(AuditService, transport),
    proofs: createClient(ProofService, transport),
  };
  const storage = openPageStorage(() => {
    throw new Error("no local storage here");
  });
  const alarms = new AlarmBook(storage);
  let nowMs = 0;
  const check = {
    ...{ client, proofs: client.proofs, teamId: log.teamId, storage, alarms },
    nowMs: () => (nowMs += 1_000),
  };
  return { ...check, alarm: () => alarms.get(log.teamId), check };
}

/** The same visitor's next visit: with what the browser kept, and nothing that the page kept. */
function nextVisit<T extends Awaited<ReturnType<typeof newVisitor>>["check"]>(check: T): T {
  const storage = { ...check.storage };
  return { ...check, storage, alarms: new AlarmBook(storage) };
}

function failedSteps(steps: Awaited<ReturnType<typeof proveEntry>>["steps"]) {
  return Object.entries(steps).flatMap(([name, { state }]) =>
    state === "passed" ? [] : [`${name as StepName} ${state}`],
  );
}

test("a log is trusted at first sight, and must go on from there on later visits", async () => {
  await log.record(3);
  const { check } = await newVisitor();
  const first = await checkLog(check);
  expect(first).toMatchObject({ isFirstUse: true, before: undefined, memoryFault: undefined });
  expect(first.claimed?.size).toBe(3n);
  expect(readTrust(check.storage).firstSeen?.key).toBe(log.checkpoints.verifierKey);

  await log.record(2);
  const later = nextVisit(check);
  const second = await checkLog(later);
  expect(second).toMatchObject({ isFirstUse: false, before: { atMs: 1_000 } });
  expect(second.claimed?.size).toBe(5n);
  expect(second.before?.checkpoint.size).toBe(3n);
  // Within a visit, what was seen before it is what counts.
  await log.record(1);
  expect((await checkLog(later)).before?.checkpoint.size).toBe(3n);
  expect(check.alarms.get(log.teamId)).toBeUndefined();
});

test("a log that was rewound raises an alarm with both signed checkpoints", async () => {
  const { check } = await newVisitor();
  await log.record(3);
  const backup = await backUpLogs(log.database);
  await log.record(2);
  const { note } = await checkLog(check);
  await backup.restore(log.teamId);
  const error = await checkLog(nextVisit(check)).catch((reason: unknown) => reason);
  // The server itself has signed more than there is.
  expect(error).toMatchObject({ name: "ConnectError" });
  expect(check.storage.getItem(`annals/alarm/${log.teamId}`)).toContain('"kind":"server"');

  // A server that keeps quiet about it and signs what is there.
  const smaller = signed("3", Buffer.alloc(32, 7).toString("base64"));
  const quiet = nextVisit({
    ...check,
    proofs: { ...check.proofs, getCheckpoint: answering(smaller, log.checkpoints.verifierKey) },
  });
  quiet.alarms.dismiss(log.teamId);
  const rewound = await checkLog(quiet);
  expect(rewound.memoryFault?.fault).toBe("rolled_back");
  expect(quiet.alarms.get(log.teamId)).toMatchObject({
    kind: "history",
    fault: "rolled_back",
    notes: [note, smaller],
  });
});

test("two logs of one size raise an alarm", async () => {
  await log.record(3);
  const { check } = await newVisitor();
  await checkLog(check);
  const forked = signed("3", Buffer.alloc(32, 7).toString("base64"));
  const proofs = {
    ...check.proofs,
    getCheckpoint: answering(forked, log.checkpoints.verifierKey),
  };
  expect((await checkLog({ ...check, proofs })).memoryFault?.fault).toBe("forked");
  expect(check.alarms.get(log.teamId)).toMatchObject({ kind: "history", fault: "forked" });
});

test("a changed key raises an alarm, until the reader gives it", async () => {
  await log.record(3);
  const { check, alarm } = await newVisitor();
  const { note } = await checkLog(check);
  const key = makeSigningKey("audit.example.com");
  const newKey = formatVerifierKey(key.verifier);
  const newNote = signNote(key, parseNote(note).text);
  const proofs = { ...check.proofs, getCheckpoint: answering(newNote, newKey) };
  const changed = await checkLog({ ...check, proofs });
  expect(changed.signatureFault?.fault).toBe("unknown_key");
  expect(alarm()).toMatchObject({ kind: "key", notes: [newNote] });

  keepTrust(check.storage, withGivenKey(readTrust(check.storage), newKey, newKey));
  const confirmed = await checkLog({ ...check, proofs });
  expect(confirmed).toMatchObject({ signatureFault: undefined, memoryFault: undefined });
  expect((await checkLog({ ...nextVisit(check), proofs })).before?.checkpoint.size).toBe(3n);
  expect(alarm()).toBeUndefined();
});

test("a signature that is not by the key it names is not taken, not even at first sight", async () => {
  await log.record(1);
  const { check, alarm } = await newVisitor();
  const { text, signatures } = parseNote(await log.checkpoint());
  const forged = formatNote({
    text,
    signatures: signatures.map((each) => ({ ...each, signature: each.signature.toReversed() })),
  });
  const proofs = { ...check.proofs, getCheckpoint: answering(forged, log.checkpoints.verifierKey) };
  expect((await checkLog({ ...check, proofs })).signatureFault?.fault).toBe("signature_invalid");
  expect(alarm()).toMatchObject({ kind: "signature", notes: [forged] });
  expect(readTrust(check.storage).firstSeen).toBeUndefined();
});

test("a server without a signing key is no fault of the log", async () => {
  await using server = await startTestServer();
  const teamId = newId("team");
  const { transport } = server.clients(await server.jwt({ role: "admin", teamId }));
  const { check, alarm } = await newVisitor();
  const proofs = createClient(ProofService, transport);
  await expect(checkLog({ ...check, proofs, teamId })).rejects.toThrow(CheckpointsDisabled);
  expect(alarm()).toBeUndefined();
});

test("a good entry passes every step, and its proof file is good for the command line", async () => {
  const [, second] = await log.record(9, { actor: { type: 1, id: newId("usr"), name: "Zoë" } });
  const { check } = await newVisitor("member");
  const proof = await proveEntry({ ...check, id: second?.id ?? "" });
  expect(failedSteps(proof.steps)).toEqual([]);
  expect(proof.isProved).toBe(true);
  expect(proof.path).toHaveLength(proof.inclusion?.hashes.length ?? -1);
  expect(proof.path?.at(-1)?.result).toEqual(proof.log.claimed?.root);
  expect(proof.leaf?.computed).toEqual(new Uint8Array(proof.leaf?.stated ?? []));
  expect(proof.leaf?.detailsText).toContain('"actor":{"name":"Zoë"}');
  await log.write("entry.tlog-proof", proof.file ?? "");
  const verified = await log.annals(["verify", "--proof", "entry.tlog-proof"]);
  expect(succeeded(verified)).toContain("entry 2 of ");
});

test.for([
  ["actor_id = 'mallory'", "fingerprint", "leaf_mismatch"],
  [`metadata = '{"n": 100}'`, "fingerprint", "details_mismatch"],
] as const)("of an entry with %s set, step %s is broken", async ([set, step, fault]) => {
  const [entry] = await log.record(4);
  await edit(set, 1);
  const { check } = await newVisitor();
  const { steps, isProved } = await proveEntry({ ...check, id: entry?.id ?? "" });
  expect(isProved).toBe(false);
  expect(failedSteps(steps)).toEqual([`${step} failed`, "path skipped", "root skipped"]);
  expect(steps[step]).toMatchObject({ error: { fault } });
});

test("of an entry that was never in the log, the step to the root is broken", async () => {
  const [entry] = await log.record(4);
  const { check } = await newVisitor();
  const client = {
    ...check.client,
    proofs: {
      ...check.proofs,
      getInclusionProof: async (...request: Parameters<typeof check.proofs.getInclusionProof>) => {
        const answer = await check.proofs.getInclusionProof(...request);
        answer.hashes.reverse();
        return answer;
      },
    },
  };
  const { steps, path } = await proveEntry({ ...check, client, id: entry?.id ?? "" });
  expect(failedSteps(steps)).toEqual(["root failed"]);
  expect(path).toHaveLength(2);
});

test("a member walks a whole log with what it may not read as fingerprints", async () => {
  await log.record(30);
  const { check } = await newVisitor("member");
  const seen: bigint[] = [];
  const report = await walkLog({
    ...check,
    signal: new AbortController().signal,
    onProgress: ({ done }) => seen.push(done),
    sliceMs: 0,
  });
  expect(report).toMatchObject({ opened: 26, withheld: 4, erased: 0 });
  expect(seen[0]).toBe(0n);
});

test("a walk finds what was changed, names it and raises an alarm", async () => {
  await log.record(30);
  await edit("action = 'destroy'", 17);
  const { check, alarm } = await newVisitor();
  const walked = walkLog({
    ...{ ...check, signal: new AbortController().signal },
    onProgress: () => undefined,
  });
  await expect(walked).rejects.toMatchObject({ fault: "leaf_mismatch", sequence: 17n });
  expect(alarm()).toMatchObject({ kind: "entries", fault: "leaf_mismatch" });
});

test("a log without its first entries is walked from there, and it is not called whole", async () => {
  await log.record(300);
  await prune(256);
  const { check, alarm } = await newVisitor("member");
  const signal = new AbortController().signal;
  const report = await walkLog({ ...check, signal, onProgress: () => undefined });
  expect(report).toMatchObject({ opened: 38, withheld: 6, pruned: 256n });
  expect(report && walkWords(report)).toMatchObject({
    title: "What is left is as it was recorded, but the beginning is not there",
    isWhole: false,
    sentences: [
      "38 of 44 entries that are still kept were read, and each is as it was recorded: none is missing, added or moved.",
      expect.stringContaining("The first 256 are not there any more."),
      expect.stringContaining("Of the other 6, which you may not read"),
    ],
  });
  expect(alarm()).toBeUndefined();

  await edit("action = 'destroy'", 290);
  const again = walkLog({ ...check, signal, onProgress: () => undefined });
  await expect(again).rejects.toMatchObject({ fault: "leaf_mismatch", sequence: 290n });
});

test("an entry that is not what was signed raises an alarm, one that cannot be read does not", async () => {
  const [entry] = await log.record(4);
  const { check, alarm } = await newVisitor();
  const id = entry?.id ?? "";
  await proveEntry({ ...check, id });
  await expect(proveEntry({ ...check, id: newId("log") })).rejects.toThrow("not_found");
  expect(alarm()).toBeUndefined();
  await edit("actor_id = 'mallory'", 1);
  await proveEntry({ ...check, id });
  expect(alarm()).toMatchObject({ kind: "entries", fault: "leaf_mismatch", notes: [/./] });
});

test("where the browser keeps nothing, the check holds all the same and says so", async () => {
  await log.record(2);
  const { check } = await newVisitor();
  expect(await checkLog(check)).toMatchObject({ isKept: false, memoryFault: undefined });
  const kept = new Map<string, string>();
  const storage = openPageStorage(() => ({
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  }));
  expect(await checkLog({ ...check, storage })).toMatchObject({ isKept: true });
});

test("a walk that is cancelled says nothing", async () => {
  await log.record(30);
  const { check, alarm } = await newVisitor();
  const controller = new AbortController();
  const walked = walkLog({
    ...{ ...check, signal: controller.signal },
    onProgress: () => controller.abort(),
  });
  expect(await walked).toBeUndefined();
  expect(alarm()).toBeUndefined();
});

function answering(checkpoint: string, verifierKey: string) {
  return async () => ({
    $typeName: "audit.v1.GetCheckpointResponse" as const,
    ...{ checkpoint, verifierKey },
  });
}

/** A note of the team's log as the server's own key would sign it. */
function signed(size: string, root: string): string {
  const { key } = log.checkpoints;
  return signNote(key, `${key.verifier.name}/${log.teamId}\n${size}\n${root}\n`);
}

const ownRows = () => `team_id = '${log.teamId.replace("team-", "")}'`;

/** Changes an entry as a superuser can. */
const edit = (assignment: string, sequence: number) =>
  withoutTriggers(
    `UPDATE control_plane.audit_logs SET ${assignment} WHERE ${ownRows()} AND sequence = ${sequence}`,
  );

/** Lets go of a log's first entries. */
const prune = (entries: number) =>
  withoutTriggers(
    `UPDATE control_plane.audit_log_heads SET first_sequence = ${entries + 1} WHERE ${ownRows()}`,
    `DELETE FROM control_plane.audit_logs WHERE ${ownRows()} AND sequence <= ${entries}`,
  );

async function withoutTriggers(...statements: readonly string[]): Promise<void> {
  await execute(
    log.database.url,
    "BEGIN",
    "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL",
    ...statements,
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_truncate",
    "COMMIT",
  );
}
