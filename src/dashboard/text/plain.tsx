/** Other people's text, shown as what it is. */
import { escapeUnsafe } from "../../client/plain-json.ts";

/**
 * A text of which nothing is obeyed: what reverses, hides or breaks lines is shown as its code
 * (`\u202e`), and its direction stays within it. React never takes text for HTML.
 */
export function Plain({ text }: { text: string }) {
  return <bdi>{escapeUnsafe(text)}</bdi>;
}
