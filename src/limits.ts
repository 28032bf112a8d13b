/**
 * Every limit of the service, in one place. Reaching one is a clear error, never a surprise.
 * Bytes are of UTF-8 or of the encoded message, times are milliseconds.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

/** One entry and the values in it. */
export const entryLimits = {
  encodedBytes: 64 * KiB,
  /** Of the JSON text that PostgreSQL stores, with numbers written out in full. */
  metadataBytes: 32 * KiB,
  metadataDepth: 16,
  /** Ids, names, types, actions, request and trace ids. */
  textBytes: 256,
  userAgentBytes: KiB,
} as const;

/** One request. */
export const requestLimits = {
  messageBytes: 4 * MiB,
  /** To services that need no credential: health and reflection. */
  publicMessageBytes: 16 * KiB,
  headerBytes: 16 * KiB,
  batchEntries: 500,
  filterValues: 100,
  pageEntries: 200,
  defaultPageEntries: 50,
  erasedEntries: 500,
  unaryDeadlineMs: 30_000,
} as const;

/** What one answer may carry. */
export const responseLimits = {
  pageBytes: 4 * MiB,
  streamMessageEntries: 500,
  streamMessageBytes: MiB,
} as const;

/** The group commit's queue and transactions. */
export const ingestLimits = {
  queueEntries: 10_000,
  queueBytes: 64 * MiB,
  /** One team's share of either. */
  teamShare: 1 / 4,
  transactions: 2,
  transactionEntries: 500,
  transactionBytes: MiB,
} as const;

/** Appending to logs whose ends are known, before their heads are locked. */
export const appendLimits = {
  knownLogs: 4_096,
  /** How long the database's clock is reckoned from what it last said. */
  clockAgeMs: 1_000,
  /** How much earlier than the lock the time may be that is recorded. */
  recordTimeLagMs: 250,
} as const;

/** Transactions of Annals' own acts: making and revoking API keys, erasing details. */
export const actLimits = {
  running: 2,
  waiting: 50,
  /** Those of one team, so that there is room for others. */
  waitingOfTeam: 25,
} as const;

/** Reading under a filter in stretches: positions of one, and how many are looked at for `last`. */
export const scanLimits = {
  windowEntries: 20_000,
  windowsPerPage: 5,
} as const;

/**
 * A page under a filter. So many of the next positions for each entry that is asked for are looked at
 * first, which is enough unless it matches rarely. Then it is searched for, and no step of the search is begun
 * after so long: a window of the indexes, 2,048 positions where none helps, 5,000 over all teams.
 */
export const searchLimits = {
  lookedAtEach: 10,
  searchMs: 50,
  acrossTeamsEntries: 5_000,
} as const;

/**
 * Searches at a time, so that they leave other readers their sessions; and how many wait, in all, of one
 * team and of one principal. Streams wait beside them.
 */
export const searchTurns = {
  running: 3,
  waiting: 256,
  waitingOfTeam: 64,
  waitingOfMember: 32,
} as const;

/** Counting by time. */
export const summaryLimits = {
  buckets: 500,
  /** As many at most, where the server chooses how long they are. */
  chosenBuckets: 120,
  bucketSeconds: 100 * 365 * 86_400,
  /**
   * Under a filter that needs entries to be read: how many, and after how long no more are begun to
   * be. Entries are read in windows.
   */
  readEntries: 200_000,
  readMs: 500,
  windowEntries: 20_000,
} as const;

/**
 * Summaries at a time, those by sums kept with the log and those by reading entries each, so that they
 * leave other readers their sessions; and how many wait, in all, of one team and of one principal.
 */
export const summaryTurns = {
  running: 2,
  waiting: 128,
  waitingOfTeam: 32,
  waitingOfMember: 16,
} as const;

/** Streams and the feed behind them. */
export const streamLimits = {
  perPrincipal: 100,
  heartbeatMs: 10_000,
  stalledWriteMs: 30_000,
  maxAgeMs: 3_600_000,
  /** How often a stream's credential is looked at again. */
  credentialCheckMs: 10_000,
  /** Recent entries kept in memory for one followed team, and for all teams together. */
  ringEntries: 2_048,
  ringBytes: 64 * MiB,
  pollMs: 1_000,
} as const;

/** How long a verified API key may be believed without asking the database again. */
export const apiKeyCacheMs = 15_000;

/** From SIGTERM to the end of the process. */
export const shutdownMs = 10_000;
