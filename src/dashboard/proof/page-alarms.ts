import { AlarmBook } from "./alarms.ts";
import { pageStorage } from "./page-storage.ts";

/** The alarms of this page. */
export function pageAlarms(): AlarmBook {
  book ??= new AlarmBook(pageStorage());
  return book;
}

let book: AlarmBook | undefined;
