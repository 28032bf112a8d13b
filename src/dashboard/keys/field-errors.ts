/** Which fields of a form a refused call blames. */
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../../gen/google/rpc/error_details_pb.ts";

/** What is wrong with each field, by its name in the request; empty if the error names none. */
export function fieldErrors(reason: unknown): ReadonlyMap<string, string> {
  const errors = new Map<string, string>();
  if (!(reason instanceof ConnectError)) return errors;
  for (const { fieldViolations } of reason.findDetails(BadRequestSchema)) {
    for (const { field, description } of fieldViolations) {
      // `grants[1]` is of `grants`.
      const name = field.replace(/[[.].*$/u, "");
      errors.set(name, [errors.get(name), description].filter(Boolean).join("; "));
    }
  }
  return errors;
}
