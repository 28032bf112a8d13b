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
 * A file where the person wants it, if the browser can write one bit by bit; else one that is
 * downloaded when it is complete. Undefined if the person did not want it after all.
 */
export async function openPlace(name: string, format: FormatName): Promise<Sink | undefined> {
  const type = mediaTypes[format];
  const { showSaveFilePicker } = window as Window & PickerWindow;
  if (!showSaveFilePicker) return blobSink(type, (file) => download(file, name));
  const types = [{ accept: { [type]: [`.${format}`] } }];
  try {
    return await fileSink(await showSaveFilePicker.call(window, { suggestedName: name, types }));
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === "AbortError") return undefined;
    throw reason;
  }
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
