/** An export's life in the dialog. */
import { useCallback, useEffect, useRef, useState } from "react";
import { VerificationError } from "../../client/verify/fault.ts";
import { useSession } from "../session/session.tsx";
import type { TrailQuery } from "../trail/trail-query.ts";
import { fileName } from "./file-name.ts";
import type { FormatName } from "./formats.ts";
import { openPlace } from "./save-place.ts";
import { type Sink, SinkError } from "./sink.ts";
import { type ExportOutcome, type ExportProgress, TrailExport } from "./trail-export.ts";

/** Where it stands. */
export type ExportStage =
  | { readonly kind: "choosing"; readonly failure?: Error }
  | { readonly kind: "running"; readonly progress: ExportProgress; readonly isConnected: boolean }
  /** It can be gone on with. */
  | { readonly kind: "interrupted"; readonly progress: ExportProgress; readonly failure: Error }
  | { readonly kind: "done"; readonly outcome: ExportOutcome; readonly name: string };

/** The stage, and what can be done. */
export interface ExportControl {
  readonly stage: ExportStage;
  start(format: FormatName): void;
  /** Goes on after an interruption. */
  goOn(): void;
  /** Gives up what was written. */
  cancel(): void;
}

const nothingYet: ExportProgress = { entries: 0, bytes: 0, timeMs: undefined, share: 0 };
/** So often the screen is told; entries come much faster. */
const reportMs = 100;

/** Exports a query. What is running is given up when the dialog goes. */
export function useExport(query: TrailQuery): ExportControl {
  const { client } = useSession();
  const [stage, setStage] = useState<ExportStage>({ kind: "choosing" });
  const current = useRef<{ job: TrailExport; sink: Sink; name: string }>(undefined);
  const running = useRef<AbortController>(undefined);
  const progress = useRef(nothingYet);
  const isAsking = useRef(false);
  const isGone = useRef(false);

  const giveUp = useCallback(() => {
    running.current?.abort();
    void current.current?.sink.discard();
    current.current = undefined;
  }, []);
  useEffect(() => {
    isGone.current = false;
    return () => {
      isGone.current = true;
      giveUp();
    };
  }, [giveUp]);

  const run = useCallback(async () => {
    if (!current.current) return;
    const { job, sink, name } = current.current;
    const controller = new AbortController();
    running.current = controller;
    setStage({ kind: "running", progress: progress.current, isConnected: true });
    try {
      const outcome = await job.run(controller.signal);
      current.current = undefined;
      setStage({ kind: "done", outcome, name });
    } catch (reason) {
      if (controller.signal.aborted) return;
      const failure = reason instanceof Error ? reason : new Error(String(reason));
      if (failure instanceof SinkError || failure instanceof VerificationError) {
        // What is written is not what it should be: there is nothing to go on with.
        current.current = undefined;
        await sink.discard();
        setStage({ kind: "choosing", failure });
      } else {
        setStage({ kind: "interrupted", progress: progress.current, failure });
      }
    }
  }, []);

  const start = useCallback(
    async (format: FormatName) => {
      // A second click while the browser asks for a place is the same wish.
      if (isAsking.current || current.current) return;
      isAsking.current = true;
      try {
        const name = fileName(query, format, new Date());
        // First of all: the browser asks only in answer to a click.
        const sink = await openPlace(name, format).finally(() => {
          isAsking.current = false;
        });
        if (!sink) return;
        if (isGone.current) return await sink.discard();
        let reportedAt = 0;
        let isConnected = true;
        progress.current = nothingYet;
        const show = () =>
          setStage((now) =>
            now.kind === "running"
              ? { kind: "running", progress: progress.current, isConnected }
              : now,
          );
        const job = new TrailExport({
          ...{ client, query, format, sink },
          onProgress(next) {
            progress.current = next;
            if (performance.now() - reportedAt < reportMs) return;
            reportedAt = performance.now();
            show();
          },
          onState({ connected }) {
            isConnected = connected;
            show();
          },
        });
        current.current = { job, sink, name };
        await run();
      } catch (reason) {
        const failure = reason instanceof Error ? reason : new Error(String(reason));
        setStage({ kind: "choosing", failure });
      }
    },
    [client, query, run],
  );

  return {
    stage,
    start: (format) => void start(format),
    goOn: () => void run(),
    cancel: () => {
      giveUp();
      setStage({ kind: "choosing" });
    },
  };
}
