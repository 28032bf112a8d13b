/** For `expect.poll` of what other processes do, on a machine that may be busy. */
export const patience = { timeout: 20_000, interval: 50 } as const;
