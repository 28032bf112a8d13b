/** The steps of an entry's verification, each with the exact bytes behind it. */
import { Plain } from "../text/plain.tsx";
import { absoluteTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import { Bytes, ExactText } from "./bytes.tsx";
import { notKept } from "./log-verdict.tsx";
import { PathDiagram } from "./path-diagram.tsx";
import type { EntryProof } from "./prove-entry.ts";
import { Step, StepList } from "./step-list.tsx";

/** What was checked, in the order in which it builds on each other. */
export function ProofSteps({ proof }: { proof: EntryProof }) {
  const { steps, leaf, inclusion, path, log, json } = proof;
  const [zone] = useZone();
  const { claimed, before, isKept } = log;
  const isErased = json.detailsState === "erased";
  return (
    <StepList>
      <Step
        outcome={steps.fingerprint}
        title={
          isErased
            ? "This entry's fingerprint was computed from what you see, and from what stands for the erased details."
            : "This entry's fingerprint was computed from everything you see of it."
        }
        moreName="The exact bytes"
        more={
          leaf && (
            <>
              {!isErased && (
                <>
                  <Bytes label="Salt, before the details" bytes={leaf.salt} />
                  <ExactText label="Details, as they are hashed" text={leaf.detailsText} />
                </>
              )}
              <Bytes label="Digest of the details" bytes={leaf.detailsDigest} />
              <ExactText label="Entry, as it is hashed after a zero byte" text={leaf.leafText} />
              <Bytes label="Fingerprint, computed here" bytes={leaf.computed} />
              <Bytes label="Fingerprint, as the server states it" bytes={leaf.stated} />
            </>
          )
        }
      />
      <Step
        outcome={steps.path}
        title={
          path === undefined
            ? "The fingerprints of its neighbours lead from it to one of the whole log."
            : `With ${path.length} fingerprints of its neighbours, one of the whole log was computed.`
        }
        moreName="How they are joined"
        more={
          path &&
          leaf &&
          inclusion && (
            <PathDiagram
              leaf={leaf.computed}
              inclusion={inclusion}
              path={path}
              isRoot={steps.root.state === "passed"}
            />
          )
        }
      />
      <Step
        outcome={steps.root}
        title="It is the fingerprint in the log's checkpoint."
        moreName="Both fingerprints"
        more={
          claimed &&
          leaf &&
          path && (
            <>
              <Bytes label="Computed here" bytes={path.at(-1)?.result ?? leaf.computed} />
              <Bytes label={`In the checkpoint of ${claimed.size} entries`} bytes={claimed.root} />
            </>
          )
        }
      />
      <Step
        outcome={steps.signature}
        title={<SignatureTitle log={log} />}
        moreName="The checkpoint"
        more={<ExactText label="Signed checkpoint" text={log.note} />}
      />
      <Step
        outcome={steps.memory}
        title={`${
          before === undefined
            ? "This browser sees this log for the first time. From now on it demands that the log goes on from here."
            : `The log goes on from what this browser saw${before.atMs === undefined ? " before" : ` on ${absoluteTime(before.atMs, zone)}`}, of ${before.checkpoint.size} entries.`
        }${isKept ? "" : ` ${notKept}`}`}
        {...(before && {
          moreName: "What this browser saw",
          more: <ExactText label="Remembered checkpoint" text={before.checkpoint.note} />,
        })}
      />
    </StepList>
  );
}

function SignatureTitle({ log }: { log: EntryProof["log"] }) {
  const { signers, isFirstUse, trust } = log;
  if (signers.length === 0) return "The checkpoint is signed with the key of this server.";
  const source =
    trust.given.length > 0
      ? "which you were given by another way"
      : isFirstUse
        ? "which the server itself has just named: compare it with the one that you were given by another way"
        : "the same that this browser saw the first time";
  return (
    <>
      The checkpoint is signed by key <Plain text={signers.join(", ")} />, {source}.
    </>
  );
}
