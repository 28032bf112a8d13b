/** Where an export goes: a file on disk, or the memory of the browser. */

/** Takes bytes in order. */
export interface Sink {
  /** Resolves when more may come. @throws SinkError. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Everything is written: the file appears. @throws SinkError. */
  close(): Promise<void>;
  /** Nothing is to stay. Never rejects. */
  discard(): Promise<void>;
}

/** The file cannot be written: the disk is full, or the browser may not write it any more. */
export class SinkError extends Error {
  override readonly name = "SinkError";
}

/** What this needs of a `FileSystemFileHandle`. */
export interface SaveHandle {
  createWritable(): Promise<FileSystemWritableFileStream>;
  getFile(): Promise<Blob>;
  /** Not in every browser. */
  remove?(): Promise<void>;
}

/** A file on disk. It has its old content until it is closed. */
export async function fileSink(handle: SaveHandle): Promise<Sink> {
  const stream = await asSinkError(() => handle.createWritable()).catch(async (error: unknown) => {
    await removeIfEmpty(handle);
    throw error;
  });
  return {
    write: (bytes) => asSinkError(() => stream.write(bytes)),
    close: () => asSinkError(() => stream.close()),
    async discard() {
      try {
        await stream.abort();
      } catch (reason) {
        console.debug("an export that was given up could not be ended", reason);
      }
      await removeIfEmpty(handle);
    },
  };
}

/** The browser made an empty file when its name was chosen. */
async function removeIfEmpty(handle: SaveHandle): Promise<void> {
  try {
    if ((await handle.getFile()).size === 0) await handle.remove?.();
  } catch (reason) {
    console.debug("an export that was given up could not be removed", reason);
  }
}

/** Parts of so many bytes are handed to the browser, which may keep them on disk. */
const partBytes = 4 * 1024 * 1024;

/** Gathers a file and gives it to `download` when it is complete. */
export function blobSink(type: string, download: (file: Blob) => void): Sink {
  let parts: Blob[] = [];
  let gathered: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const cut = () => {
    parts.push(new Blob(gathered));
    gathered = [];
    size = 0;
  };
  return {
    async write(bytes) {
      gathered.push(bytes);
      size += bytes.length;
      if (size >= partBytes) cut();
    },
    async close() {
      cut();
      download(new Blob(parts, { type }));
      parts = [];
    },
    async discard() {
      parts = [];
      gathered = [];
    },
  };
}

async function asSinkError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SinkError(`The file could not be written: ${why}`, { cause });
  }
}
