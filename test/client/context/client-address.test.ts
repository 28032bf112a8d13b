import { isIP } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { plainAddress } from "../../../src/client/context/address.ts";
import {
  clientAddress,
  compileTrust,
  type TrustedProxies,
} from "../../../src/client/context/client-address.ts";

function client(
  proxies: TrustedProxies | undefined,
  socket: string | undefined,
  value: string | undefined,
  header = "x-forwarded-for",
): string | undefined {
  return clientAddress(socket, header, value, compileTrust(proxies));
}

test.each([
  ["192.0.2.1", "192.0.2.1"],
  [" 192.0.2.1 ", "192.0.2.1"],
  ["192.0.2.1:8080", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::ffff:c000:201", "192.0.2.1"],
  ["0:0:0:0:0:FFFF:192.0.2.1", "192.0.2.1"],
  ["2001:DB8:0:0::1", "2001:db8::1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["[2001:db8::1]:443", "2001:db8::1"],
  ["[::ffff:192.0.2.1]:443", "192.0.2.1"],
  ["fe80::1%eth0", "fe80::1"],
  ["[fe80::1%eth0]:1", "fe80::1"],
])("%j is the address %s", (text, address) => {
  expect(plainAddress(text)).toBe(address);
});

test.each([
  ...["", " ", "unknown", "_hidden", "localhost", "192.0.2", "192.0.2.1.5", "192.0.2.256"],
  ...["192.0.2.1%eth0", "010.0.0.1", "1.2.3.4/32", "[192.0.2.1]", "[2001:db8::1", "::1]:80"],
  ...["192.0.2.1:8080:1", "[::1]x", "1.2.3.4, 5.6.7.8", "1.2.3.4\0", undefined, 7, null],
])("%j is no address", (text) => {
  expect(plainAddress(text)).toBeUndefined();
});

test("nobody is trusted unless configured: the client is whoever is connected", () => {
  expect(client(undefined, "203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
  expect(client([], "::ffff:127.0.0.1", "198.51.100.1")).toBe("127.0.0.1");
  expect(client(undefined, undefined, "198.51.100.1")).toBeUndefined();
});

test("the first sender that is not trusted is the client, whatever it claims", () => {
  const proxies = ["10.0.0.0/8", "2001:db8:1::/48"];
  expect(client(proxies, "10.0.0.1", "1.1.1.1, 203.0.113.9, 10.9.9.9")).toBe("203.0.113.9");
  expect(client(proxies, "2001:db8:1::2", "1.1.1.1,203.0.113.9")).toBe("203.0.113.9");
  expect(client(proxies, "::ffff:10.0.0.1", "203.0.113.9:55")).toBe("203.0.113.9");
  expect(client(proxies, "203.0.113.9", "10.0.0.1")).toBe("203.0.113.9");
});

test("a number trusts so many proxies and no more", () => {
  const chain = "1.1.1.1, 2.2.2.2, 3.3.3.3";
  expect(client(1, "10.0.0.1", chain)).toBe("3.3.3.3");
  expect(client(2, "10.0.0.1", chain)).toBe("2.2.2.2");
  expect(client(9, "10.0.0.1", chain)).toBe("1.1.1.1");
  expect(client(1, "10.0.0.1", undefined)).toBe("10.0.0.1");
  expect(client(1, undefined, "3.3.3.3")).toBe("3.3.3.3");
});

test("where a trusted proxy does not say whom it was sent by, the furthest known sender stands", () => {
  expect(client(["10.0.0.0/8"], "10.0.0.1", "203.0.113.9, unknown, 10.0.0.2")).toBe("10.0.0.2");
  expect(client(2, "10.0.0.1", "")).toBe("10.0.0.1");
  expect(client(2, "10.0.0.1", ",,,")).toBe("10.0.0.1");
});

test("Forwarded is read as RFC 7239 writes it", () => {
  const forwarded = (value: string) => client(1, "10.0.0.1", value, "forwarded");
  expect(forwarded("for=192.0.2.60;proto=http;by=203.0.113.43")).toBe("192.0.2.60");
  expect(forwarded('for=1.1.1.1, For="[2001:db8:cafe::17]:4711"')).toBe("2001:db8:cafe::17");
  expect(forwarded('proto=https;host="a;for=6.6.6.6,b"; for="192.0.2.43:80"')).toBe("192.0.2.43");
  expect(forwarded('for=192.0.2.43;host="a,b"')).toBe("192.0.2.43");
  expect(forwarded("for=unknown")).toBe("10.0.0.1");
  expect(forwarded("for=1.1.1.1;for=2.2.2.2")).toBe("10.0.0.1");
  expect(forwarded("proto=https")).toBe("10.0.0.1");
});

test("a client's quote does not swallow what a proxy has added", () => {
  const added = ["for=203.0.113.9", 'for="203.0.113.9:80";proto="https"'];
  for (const claim of ['for="1.1.1.1', 'for="', '"', 'for=1.1.1.1;host="', 'for="a\\"']) {
    for (const own of added) {
      expect(client(1, "10.0.0.1", `${claim}, ${own}`, "forwarded")).toBe("203.0.113.9");
    }
    expect(client(1, "10.0.0.1", `${claim}, 203.0.113.9`)).toBe("203.0.113.9");
  }
});

const octets = fc.tuple(...Array<fc.Arbitrary<number>>(4).fill(fc.nat(255)));
const untrusted = octets.filter(([first]) => first !== 10).map((parts) => parts.join("."));
const trusted = octets.map(([, ...rest]) => `10.${rest.join(".")}`);

test("property: whatever a client claims, it is known by the address that its proxy saw", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 300 }),
      untrusted,
      fc.array(trusted, { maxLength: 5 }),
      trusted,
      (claim, address, proxies, socket) => {
        const value = [claim, address, ...proxies].join(", ");
        expect(client(["10.0.0.0/8"], socket, value)).toBe(address);
        expect(client(proxies.length + 1, socket, value)).toBe(address);
        const elements = [address, ...proxies].map((proxy) => `for="${proxy}:1"`);
        const forwarded = [claim, ...elements].join(",");
        expect(client(["10.0.0.0/8"], socket, forwarded, "forwarded")).toBe(address);
      },
    ),
  );
});

test("property: what is found is an address or nothing", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.string({ unit: fc.constantFrom(...'[]:%.,;="f1 ') }),
      ),
      fc.nat(5),
      fc.constantFrom("x-forwarded-for", "forwarded"),
      (value, hops, header) => {
        const found = client(hops, undefined, value, header);
        if (found !== undefined) expect(isIP(found)).not.toBe(0);
      },
    ),
  );
});

test("property: a network holds the addresses with its prefix, and no others", () => {
  fc.assert(
    fc.property(
      fc.bigInt(0n, 2n ** 128n - 1n),
      fc.bigInt(0n, 2n ** 128n - 1n),
      fc.nat(128),
      (a, b, bits) => {
        const shift = BigInt(128 - bits);
        const isInside = a >> shift === b >> shift;
        // An address that turns out to be IPv4 is compared as one.
        fc.pre(a >> 32n !== 0xffffn && b >> 32n !== 0xffffn);
        const found = client([`${ipv6(a)}/${bits}`], ipv6(b), "203.0.113.9");
        expect(found === "203.0.113.9").toBe(isInside);
      },
    ),
  );
});

function ipv6(value: bigint): string {
  const hex = value.toString(16).padStart(32, "0");
  return hex.match(/.{4}/g)?.join(":") ?? "";
}

test("a header as large as Node takes is read at once", () => {
  const junk = 'for="a;b,'.repeat(1_800);
  for (const header of ["forwarded", "x-forwarded-for"]) {
    expect(client(50, "10.0.0.1", `${junk};${";".repeat(8_000)}`, header)).toBe("10.0.0.1");
  }
  expect(client(["10.0.0.0/8"], "10.0.0.1", "10.0.0.2,".repeat(1_800))).toBe("10.0.0.1");
});

test("networks mapped to IPv6 are those of IPv4", () => {
  expect(client(["::ffff:10.0.0.0/104"], "10.9.9.9", "203.0.113.9")).toBe("203.0.113.9");
});

test.each([
  ...["", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "::1/129"],
  ...["fe80::1%eth0", "[::1]", "10.0.0.1:80", "::ffff:0:0/90", "10.0.0.0/8x"],
])("%j is refused as a trusted proxy", (text) => {
  expect(() => compileTrust([text])).toThrow(TypeError);
});

test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  "%d is no number of proxies",
  (number) => {
    expect(() => compileTrust(number)).toThrow(TypeError);
  },
);
