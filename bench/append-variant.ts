import { registerHooks } from "node:module";
import type { append } from "../src/store/append.ts";

/**
 * The append of this program, only that another module stands in for one that it imports: the one
 * whose specifier ends so, by the one at `standIn`.
 */
export async function importAppendWith(specifierEnd: string, standIn: URL): Promise<typeof append> {
  const variant = new URL(`../src/store/append.ts?with=${standIn.pathname}`, import.meta.url).href;
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      context.parentURL === variant && specifier.endsWith(specifierEnd)
        ? next(standIn.href, context)
        : next(specifier, context),
  });
  try {
    const module = (await import(variant)) as { append: typeof append };
    return module.append;
  } finally {
    hooks.deregister();
  }
}
