/** When a new API key is to stop working by itself. */

/** The choices of the dialog. */
export const expiryChoices = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "date", label: "On a day of my choice" },
  { value: "never", label: "Never" },
] as const;

/** One of them. */
export type ExpiryChoice = (typeof expiryChoices)[number]["value"];

const dayMs = 86_400_000;

/**
 * When a key ends, in milliseconds since 1970: days from now, or with the chosen day (`2027-01-31`)
 * in the reader's zone. "never" for one that does not; undefined if no day, or none to come, is given.
 */
export function expiryMs(
  choice: ExpiryChoice,
  day: string,
  now: number,
): number | "never" | undefined {
  if (choice === "never") return choice;
  if (choice !== "date") return now + Number(choice) * dayMs;
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/u.exec(day);
  if (!parts) return undefined;
  // The first moment of the day after.
  const [year = 0, month = 1, date = 1] = parts.slice(1).map(Number);
  const end = new Date(year, month - 1, date + 1).getTime();
  return end > now ? end : undefined;
}
