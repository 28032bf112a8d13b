import { expect, test } from "vitest";
import {
  keepTrust,
  keyMistake,
  noTrust,
  readTrust,
  trustedKeys,
  withGivenKey,
} from "../../src/dashboard/proof/key-trust.ts";
import { openPageStorage } from "../../src/dashboard/proof/page-storage.ts";
import { formatVerifierKey } from "../../src/log/note.ts";
import { makeSigningKey } from "../../src/log/signing-key.ts";

const [first = "", second = "", third = ""] = [1, 2, 3].map(() =>
  formatVerifierKey(makeSigningKey("audit.example.com").verifier),
);
const seen = { ...noTrust, firstSeen: { key: first, atMs: 1 } };

test("at first nothing is trusted, then what was seen first, then only what was given", () => {
  expect(trustedKeys(noTrust)).toEqual([]);
  expect(trustedKeys(seen)).toEqual([first]);
  expect(trustedKeys(withGivenKey(seen, second, first))).toEqual([second]);
  expect(trustedKeys(withGivenKey(seen, first, first))).toEqual([first]);
});

test("when the server has gone over to the key that is given, the one before is trusted beside it", () => {
  const rotated = withGivenKey(seen, second, second);
  expect(trustedKeys(rotated)).toEqual([first, second]);
  expect(trustedKeys(withGivenKey(rotated, third, third))).toEqual([first, second, third]);
  expect(trustedKeys(withGivenKey(rotated, second, second))).toEqual([first, second]);
});

test("trust is kept, and what is damaged is as if nothing were known", () => {
  const storage = openPageStorage(() => {
    throw new Error("the browser refuses");
  });
  expect(readTrust(storage)).toEqual(noTrust);
  keepTrust(storage, withGivenKey(seen, second, first));
  expect(readTrust(storage)).toEqual({ ...seen, given: [second] });
  for (const damaged of ["", "{", "null", "[]", "7", '{"firstSeen": 7, "given": {"0": "x"}}']) {
    storage.setItem("annals/verifier-keys", damaged);
    expect(readTrust(storage)).toEqual(noTrust);
  }
});

test("a key with a mistake in it is refused in words", () => {
  expect(keyMistake(first)).toBeUndefined();
  const changed = first.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  for (const wrong of ["", "a b", changed, `${first}\n`, "<script>alert(1)</script>"]) {
    expect(keyMistake(wrong)).toMatch(/not a (verifier|sound) key/);
  }
});

test("a browser that refuses storage is asked once, and what is kept lives with the page", () => {
  const refusing = openPageStorage(() => ({
    getItem: () => null,
    setItem: () => {
      throw new DOMException("full", "QuotaExceededError");
    },
    removeItem: () => undefined,
  }));
  refusing.setItem("a", "1");
  expect(refusing.isLasting).toBe(false);
  expect(refusing.getItem("a")).toBe("1");
  refusing.removeItem("a");
  expect(refusing.getItem("a")).toBeNull();
});
