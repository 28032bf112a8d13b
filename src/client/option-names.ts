/**
 * Refuses options that a function does not have: passed over, a misspelt one would ask for more, or
 * for another team's.
 *
 * @throws TypeError naming the option.
 */
export function checkNames(options: object, names: readonly string[], called: string): void {
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new TypeError(`${name}: is not an option of ${called}`);
  }
}
