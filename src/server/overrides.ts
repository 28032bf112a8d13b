/** What tests set otherwise. */
export interface ServerOverrides {
  readonly heartbeatMs?: number;
  readonly pollMs?: number;
  readonly stallMs?: number;
  readonly bodyMs?: number;
  readonly credentialCheckMs?: number;
  readonly apiKeyCacheMs?: number;
  readonly recheckMs?: number;
  readonly dashboardDirectory?: string;
}
