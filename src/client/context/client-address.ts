/** Whose address a request comes from, when proxies stand between. */
import { BlockList, isIP } from "node:net";
import { plainAddress } from "./address.ts";

/**
 * The proxies that are believed: their addresses and networks (`10.0.0.0/8`, `2001:db8::/32`), or how
 * many there are, if nobody can reach the server around them.
 */
export type TrustedProxies = number | readonly string[];

/** Says whether the sender is believed; the one connected to the server is number 0. */
export type Trust = (address: string | undefined, number: number) => boolean;

/** More proxies than any request passes. */
const maxProxies = 100;

/**
 * Makes the decision of what is configured; nobody is trusted if nothing is.
 *
 * @throws TypeError for what is neither an address, nor a network, nor a whole number.
 */
export function compileTrust(proxies: TrustedProxies = 0): Trust {
  if (typeof proxies === "number") {
    if (!Number.isSafeInteger(proxies) || proxies < 0) {
      throw new TypeError(`trustedProxies: ${proxies} is not a number of proxies`);
    }
    return (_address, number) => number < proxies;
  }
  const list = new BlockList();
  for (const network of proxies) addNetwork(list, network);
  return (address, _number) =>
    address !== undefined && list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

function addNetwork(list: BlockList, text: string): void {
  const [network = "", prefixText, ...rest] = text.split("/");
  const address = isIP(network) === 0 ? undefined : plainAddress(network);
  const wasIpv6 = network.includes(":");
  const bits = wasIpv6 ? 128 : 32;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (
    address === undefined ||
    network.includes("%") ||
    rest.length > 0 ||
    (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) ||
    prefix > bits
  ) {
    throw new TypeError(`trustedProxies: "${text}" is neither an address nor a network`);
  }
  if (wasIpv6 && isIP(address) === 4) {
    // A network of IPv4 addresses mapped to IPv6: addresses are compared as IPv4.
    if (prefix < 96) throw new TypeError(`trustedProxies: "${text}" is more than all of IPv4`);
    list.addSubnet(address, prefix - 96, "ipv4");
  } else {
    list.addSubnet(address, prefix, wasIpv6 ? "ipv6" : "ipv4");
  }
}

/**
 * The address of the first sender that is not trusted, going from the socket back through what each
 * trusted proxy says of whom it was sent by; of the furthest known one, if all are, or if a proxy does not
 * say. What is written before that is the client's own claim, and not looked at.
 *
 * @param header The header's name, in lower case: `forwarded` is read as RFC 7239, any other as
 *   `X-Forwarded-For` is, a list of addresses.
 */
export function clientAddress(
  socketAddress: string | undefined,
  header: string,
  headerValue: string | undefined,
  trust: Trust,
): string | undefined {
  let client = plainAddress(socketAddress);
  let number = 0;
  if (headerValue === undefined || !trust(client, number)) return client;
  for (const element of elementsFromRight(headerValue)) {
    const address = plainAddress(header === "forwarded" ? forwardedFor(element) : element);
    if (address === undefined) return client;
    client = address;
    number += 1;
    if (number > maxProxies || !trust(client, number)) return client;
  }
  return client;
}

/**
 * The elements of a list, last one first. Quotes are paired from the right, where trusted proxies have
 * written: paired from the left, one quote of the client's would swallow what a proxy has added.
 */
function* elementsFromRight(list: string): Generator<string> {
  let end = list.length;
  let quoted = false;
  for (let at = end - 1; at >= 0; at -= 1) {
    const char = list[at];
    if (char === '"') quoted = !quoted;
    else if (char === "," && !quoted) {
      yield list.slice(at + 1, end);
      end = at;
    }
  }
  yield list.slice(0, end);
}

/** Longer than an element with every parameter of RFC 7239; splitting takes the square of the length. */
const maxElementLength = 1024;

/** The `for` of an element of RFC 7239, without quotes; undefined if it has none, or two. */
function forwardedFor(element: string): string | undefined {
  if (element.length > maxElementLength) return undefined;
  const values = element
    .split(/;(?=(?:[^"]*"[^"]*")*[^"]*$)/)
    .map((pair) => /^\s*for\s*=\s*(?:"([^"\\]*)"|([^"\s]*))\s*$/i.exec(pair))
    .filter((match) => match !== null);
  return values.length === 1 ? (values[0]?.[1] ?? values[0]?.[2]) : undefined;
}
