/** Asking the browser for a place to save a file. */
import type { FormatName } from "./formats.ts";
import { mediaTypes } from "./formats.ts";
import { blobSink, fileSink, type SaveHandle, type Sink } from "./sink.ts";

/** What the browser is asked for: the name, and what kind of file it is. */
interface PickerOptions {
  readonly suggestedName: string;
  readonly types: readonly { readonly accept: Readonly<Record<string, readonly string[]>> }[];
}

/** Chromium's; other browsers, and pages that did not come over a safe connection, lack it. */
interface PickerWindow {
  readonly showSaveFilePicker?: (options: PickerOptions) => Promise<SaveHandle>;
}

/**
 * A file where the person wants it, if the browser can write one bit by bit and is allowed to; else
 * one that is downloaded when it is complete. Undefined if the person did not want it after all.
 *
 * @throws SinkError if the place that the person chose cannot be written to.
 */
export async function openPlace(name: string, format: FormatName): Promise<Sink | undefined> {
  const type = mediaTypes[format];
  const { showSaveFilePicker } = window as Window & PickerWindow;
  const downloaded = () => blobSink(type, (file) => download(file, name));
  if (!showSaveFilePicker) return downloaded();
  const types = [{ accept: { [type]: [`.${format}`] } }];
  let handle: SaveHandle;
  try {
    handle = await showSaveFilePicker.call(window, { suggestedName: name, types });
  } catch (reason) {
    const isCancelled = reason instanceof DOMException && reason.name === "AbortError";
    // Some browsers are told by their owners never to ask.
    return isCancelled ? undefined : downloaded();
  }
  return await fileSink(handle);
}

function download(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser takes hold of the file a little later than the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
