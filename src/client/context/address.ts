/** Addresses as they come from sockets and proxies. */
import { isIP, SocketAddress } from "node:net";

/** Longer than any address with brackets, zone and port. */
const maxLength = 128;

const bracketed = /^\[(.*)\](?::[\w.-]*)?$/;
const withPort = /^([\d.]+):[\w.-]*$/;
const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;

/**
 * The address alone: without space, brackets, port or zone, IPv6 in canonical form, an IPv4 address mapped
 * to IPv6 as the IPv4 address that it is. Undefined if there is none, as for `unknown`, `_hidden` and
 * anything malformed.
 */
export function plainAddress(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > maxLength) return undefined;
  const text = value.trim();
  const inBrackets = bracketed.exec(text)?.[1];
  if (inBrackets !== undefined) return plainIpv6(inBrackets);
  const address = withPort.exec(text)?.[1] ?? text;
  return isIP(address) === 4 ? address : plainIpv6(address);
}

function plainIpv6(text: string): string | undefined {
  const [address = ""] = text.split("%", 1);
  if (isIP(address) !== 6) return undefined;
  const canonical = new SocketAddress({ address, family: "ipv6" }).address;
  return mapped.exec(canonical)?.[1] ?? canonical;
}
