import { createHash, generateKeyPairSync, sign, webcrypto } from "node:crypto";
import { Point, verify as verifyWithNoble } from "@noble/ed25519";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { isSoundPoint, verifyEd25519 } from "../../src/client/ed25519.ts";

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
/** The order of the prime-order subgroup (RFC 8032, section 5.1). */
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function toLittleEndian(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse());
}

/** Signs like RFC 8032, but with points of small order added to the key and to R. */
function signWith(secret: bigint, nonce: bigint, message: Uint8Array, twists: Twists = {}) {
  const { key = Point.ZERO, r = Point.ZERO } = twists;
  const publicKey = Point.BASE.multiply(secret).add(key).toBytes();
  const start = Point.BASE.multiply(nonce).add(r).toBytes();
  const digest = createHash("sha512").update(start).update(publicKey).update(message).digest();
  const s = (nonce + (littleEndian(digest) % order) * secret) % order;
  return { publicKey, signature: Uint8Array.of(...start, ...toLittleEndian(s)), message };
}

interface Twists {
  readonly key?: Point;
  readonly r?: Point;
}

/** The points of small order, as canonical encodings write them. */
const smallOrder = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
].map(hex);
/** Other encodings of points of small order, and of none. */
const notCanonical = [
  "0100000000000000000000000000000000000000000000000000000000000080",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "0200000000000000000000000000000000000000000000000000000000000000",
].map(hex);
const torsion = Point.fromBytes(smallOrder[6] ?? new Uint8Array());

/** RFC 8032, section 7.1. */
const published = [
  {
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
].map(({ publicKey, message, signature }) => ({
  publicKey: hex(publicKey),
  message: hex(message),
  signature: hex(signature),
}));

const lacking = {
  subtle: {
    importKey: () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError")),
  },
};

afterEach(() => vi.unstubAllGlobals());

describe.each([
  ["WebCrypto", webcrypto],
  ["@noble/ed25519, where WebCrypto has no Ed25519,", lacking],
  ["@noble/ed25519, where there is no WebCrypto,", undefined],
])("a signature by %s", (_, crypto) => {
  const isValid = (one: { publicKey: Uint8Array; signature: Uint8Array; message: Uint8Array }) => {
    vi.stubGlobal("crypto", crypto);
    return verifyEd25519(one.publicKey, one.signature, new Uint8Array(one.message));
  };

  test("is right if RFC 8032 says so", async () => {
    for (const one of published) expect(await isValid(one)).toBe(true);
  });

  test("is right if Node has made it, for any message", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const raw = new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(-32));
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (message) => {
        const signature = new Uint8Array(sign(null, message, privateKey));
        expect(await isValid({ publicKey: raw, signature, message })).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test("is wrong with any bit of it, of the key or of the message changed", async () => {
    for (const one of published) {
      for (const field of ["publicKey", "signature", "message"] as const) {
        for (let bit = 0; bit < one[field].length * 8; bit += 5) {
          const changed = new Uint8Array(one[field]);
          changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect(await isValid({ ...one, [field]: changed })).toBe(false);
        }
      }
    }
  });

  test("is wrong if S is another number of the same residue", async () => {
    for (const one of published) {
      for (let s = littleEndian(one.signature.subarray(32)) + order; s < 2n ** 256n; s += order) {
        const signature = Uint8Array.of(...one.signature.subarray(0, 32), ...toLittleEndian(s));
        expect(await isValid({ ...one, signature })).toBe(false);
      }
    }
  });

  test("is wrong if it has another length", async () => {
    for (const one of published) {
      for (const length of [0, 32, 63, 65, 128]) {
        const signature = new Uint8Array(length);
        signature.set(one.signature.subarray(0, length));
        expect(await isValid({ ...one, signature })).toBe(false);
      }
    }
  });

  test("is wrong if its R has a part of small order, which only some verifiers refuse", async () => {
    const message = new Uint8Array(Buffer.from("a checkpoint"));
    const honest = signWith(12_345n, 67_890n, message);
    expect(await isValid(honest)).toBe(true);
    const twisted = signWith(12_345n, 67_890n, message, { r: torsion });
    expect(verifyWithNoble(twisted.signature, message, twisted.publicKey)).toBe(true);
    expect(await isValid(twisted)).toBe(false);
  });

  test("is wrong if its R is of small order or not canonical", async () => {
    const message = new Uint8Array();
    for (const r of [...smallOrder, ...notCanonical]) {
      const signature = Uint8Array.of(...r, ...new Uint8Array(32));
      expect(await isValid({ publicKey: published[0]?.publicKey ?? r, signature, message })).toBe(
        false,
      );
    }
  });
});

describe("a sound point", () => {
  test("is every key that is made honestly", () => {
    for (const { publicKey } of published) expect(isSoundPoint(publicKey)).toBe(true);
    expect(isSoundPoint(Point.BASE.toBytes())).toBe(true);
  });

  test("is none of small order: such a key verifies signatures that nobody has made", () => {
    const zero = Uint8Array.of(1, ...new Uint8Array(63));
    const key = smallOrder[0] ?? zero;
    expect(verifyWithNoble(zero, Uint8Array.of(1, 2, 3), key)).toBe(true);
    for (const bytes of smallOrder) expect(isSoundPoint(bytes)).toBe(false);
  });

  test("has no part of small order", () => {
    const { publicKey } = signWith(12_345n, 1n, new Uint8Array(), { key: torsion });
    expect(Point.fromBytes(publicKey).isSmallOrder()).toBe(false);
    expect(isSoundPoint(publicKey)).toBe(false);
  });

  test("is written in the one canonical way, in 32 bytes", () => {
    for (const bytes of notCanonical) expect(isSoundPoint(bytes)).toBe(false);
    for (const length of [0, 31, 33]) expect(isSoundPoint(new Uint8Array(length))).toBe(false);
  });
});
