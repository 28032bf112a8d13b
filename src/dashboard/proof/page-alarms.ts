import { AlarmBook } from "./alarms.ts";
import { pageStorage } from "./page-storage.ts";

/** The alarms of this page, and of this browser's others. */
export function pageAlarms(): AlarmBook {
  book ??= openBook();
  return book;
}

let book: AlarmBook | undefined;

function openBook(): AlarmBook {
  const opened = new AlarmBook(pageStorage());
  window.addEventListener("storage", ({ key }) => opened.noticeChange(key));
  return opened;
}
