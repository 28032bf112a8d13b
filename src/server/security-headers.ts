/**
 * What browsers are told of the dashboard. Whatever an entry may hold, the page can load and run only
 * what this server has served as a file, speak to this server only, and be framed by nobody.
 */

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  // No text becomes markup or code: React, Mantine and uPlot need no policy that would let it.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const permissionsPolicy = [
  ...["camera", "clipboard-read", "display-capture", "geolocation", "microphone", "payment"],
  ...["usb", "serial", "hid"],
]
  .map((feature) => `${feature}=()`)
  .concat("clipboard-write=(self)")
  .join(", ");

/**
 * The headers of every answer of the dashboard. Under TLS also that the host is to be reached by TLS
 * only, for a year; behind a proxy that ends TLS, that is the proxy's to say.
 */
export function securityHeaders({ tls }: { tls: boolean }): Readonly<Record<string, string>> {
  return {
    "content-security-policy": contentSecurityPolicy,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": permissionsPolicy,
    ...(tls && { "strict-transport-security": "max-age=31536000" }),
  };
}
