/**
 * What the server of the page answers. Batches, origins, workers and schedules are what the
 * commands print with `--json`, key by key; instants are ISO 8601, durations milliseconds, sizes
 * bytes, and a value that is not known is null.
 */

export type BatchState = 'expanding' | 'running' | 'paused' | 'cancelled' | 'finished';

/** As `batches --json` prints it. */
interface BatchDocument {
  readonly batch: string;
  readonly name: string;
  readonly state: BatchState;
  readonly total: number;
  readonly settled: number;
  readonly ok: number;
  readonly failed: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly fetchesPerSecond: number;
  readonly results: string | null;
  readonly resultsFolders: readonly string[];
  readonly createdAt: string;
  readonly bytes: number;
  readonly pages: number | null;
  readonly sequentialMs: number;
  readonly missingSecrets: readonly string[];
  /** The schedule that has started it. */
  readonly schedule: string | null;
  readonly source: string;
  readonly pausedAt: string | null;
  readonly cancelledAt: string | null;
  readonly retries: number;
  /** Attempts that have failed and were repeated. */
  readonly retriedAttempts: number;
  /** Attempts that an origin has refused, and that cost nothing. */
  readonly throttledAttempts: number;
  /** Whether nobody works on it any more. */
  readonly interrupted: boolean;
}

/** A batch with what a look every second adds. */
export interface WatchedBatch extends BatchDocument {
  /** Fetches per second over the last half minute; null before there are two looks. */
  readonly paceNow: number | null;
  /** Until the last fetch is settled at that pace; null if it cannot be told. */
  readonly leftMs: number | null;
}

/** As `origins --json` prints it. */
export interface OriginDocument {
  readonly origin: string;
  readonly rate: {
    readonly limit: string;
    readonly perSecond: number | null;
    readonly source: string;
  };
  readonly burst: number;
  readonly concurrency: { readonly limit: number | 'unlimited'; readonly source: string };
  readonly inUse: number;
  readonly workers: number;
  readonly waiting: number;
  readonly blockedUntil: string | null;
  readonly blockedMs: number | null;
  readonly blockedFor: string | null;
  readonly breaker: 'closed' | 'open' | 'half-open';
  readonly openUntil: string | null;
  readonly openMs: number | null;
  readonly lastError: string | null;
  /** Why its robots.txt cannot be had, while fetches wait for that. */
  readonly robotsError: string | null;
  readonly learnedRate: number | null;
  readonly durationMs: number | null;
}

/** An origin with what was fetched there in the last hour. */
export interface WatchedOrigin extends OriginDocument {
  /** Fetches that have ended, and those of them that were refused; the oldest value first. */
  readonly lastHour: {
    readonly everyMs: number;
    /** When the last value ends: it still grows. */
    readonly endsAt: string;
    readonly ended: readonly number[];
    readonly refused: readonly number[];
  } | null;
}

/** As `workers --json` prints it. */
export interface WorkerDocument {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly transport: string;
  readonly concurrency: number;
  readonly inFlight: number;
  readonly slices: number;
  readonly batches: readonly string[];
  readonly state: 'working' | 'idle' | 'draining' | 'sink-failing' | 'gone';
  readonly fetchesPerSecond: number;
  readonly startedAt: string;
  readonly lastSeenAt: string;
  readonly silentMs: number;
  /** Resident memory of the process; absent for workers of an older version. */
  readonly memoryBytes?: number | undefined;
  /** 99th percentile of the event loop delay over at most the last minute; absent likewise. */
  readonly eventLoopLagMs?: number | undefined;
}

/** As `schedule list --json` prints it. */
export interface ScheduleDocument {
  readonly id: string;
  readonly name: string;
  readonly cron: string;
  readonly tz: string;
  readonly overlap: 'skip' | 'queue' | 'allow';
  readonly catchUpMs: number;
  /** Batches that stay, by number or age; null if all do. */
  readonly keep: Readonly<Record<string, number>> | null;
  readonly paused: boolean;
  readonly source: string;
  readonly createdAt: string;
  readonly changedAt: string;
  readonly nextRun: string | null;
  readonly lastRun: ScheduleRunDocument | null;
  readonly lastBatch: Omit<
    BatchDocument,
    | 'source'
    | 'pausedAt'
    | 'cancelledAt'
    | 'retries'
    | 'retriedAttempts'
    | 'throttledAttempts'
    | 'interrupted'
  > | null;
  readonly lastFinish: string | null;
  readonly lastSuccess: string | null;
  readonly runs: readonly ScheduleRunDocument[];
}

export interface ScheduleRunDocument {
  readonly at: string;
  readonly kind: 'tick' | 'manual';
  readonly state: 'queued' | 'starting' | 'started' | 'skipped' | 'missed' | 'failed';
  readonly batch: string | null;
  readonly reason: string | null;
  readonly caughtUp: boolean;
  readonly count: number;
  /** State of its batch; null where it was not asked for, and total, failed and tookMs as well. */
  readonly ended: string | null;
  readonly total: number | null;
  readonly failed: number | null;
  readonly tookMs: number | null;
  readonly removed: boolean;
}

/** Something that needs a look, the worst first. */
export interface Trouble {
  readonly severity: 'error' | 'warning';
  /** What it is about; the page links there. */
  readonly about: {
    readonly kind: 'fleet' | 'origin' | 'schedule' | 'batch' | 'worker';
    readonly id: string;
  };
  /**
   * One sentence without the name and without the time that is left, which `untilMs` has: `is
   * blocked: 429 Retry-After`.
   */
  readonly text: string;
  /** Milliseconds until it ends by itself, where that is known. */
  readonly untilMs: number | null;
  /** Fetches that wait for it. */
  readonly waiting: number | null;
}

/** Equally spaced samples, the oldest first; null where nothing was sampled. */
export interface Series {
  readonly everyMs: number;
  /** When the last sample was taken. */
  readonly endsAt: string;
  readonly values: readonly (number | null)[];
}

/** `GET api/fleet`: who answers. */
export interface FleetDocument {
  readonly fleet: string;
  readonly version: string;
  readonly readOnly: boolean;
  /** Whether the records of batches can be read here. */
  readonly hasResults: boolean;
}

/** `GET api/overview`, and the event `overview`. */
export interface OverviewDocument {
  readonly at: string;
  readonly health: 'ok' | 'attention' | 'down';
  /** The sentence behind the health. */
  readonly healthText: string;
  readonly trouble: readonly Trouble[];
  readonly fetchesPerSecond: number;
  readonly inFlight: number;
  readonly capacity: number;
  readonly workers: number;
  /** 0 where the user of Redis may not know it. */
  readonly redisMemoryBytes: number;
  /** 0 where Redis has no limit, or does not tell it. */
  readonly redisMemoryLimitBytes: number;
  readonly oldestPendingMs: number;
  /** The disk with the results folder; null where there is none here. */
  readonly resultsDisk: { readonly freeBytes: number; readonly totalBytes: number } | null;
  readonly finishedToday: number;
  /** Share of the fetches settled in the last hour that failed; null if there were none. */
  readonly failedShare: number | null;
  /** Under way, the newest first, at most 50. */
  readonly underWay: readonly WatchedBatch[];
  readonly underWayTotal: number;
  /** Ended last, the newest first, at most 10. */
  readonly ended: readonly WatchedBatch[];
  readonly history: {
    readonly fetchesPerSecond: Series;
    readonly failedPerSecond: Series;
    readonly inFlight: Series;
  };
}

/** `GET api/batches?state=&name=&limit=&before=`. */
export interface BatchesDocument {
  readonly batches: readonly WatchedBatch[];
  readonly total: number;
  /** Pass as `before` for the next page; null on the last one. */
  readonly next: string | null;
}

/** `GET api/origins?text=&limit=`, and the event `origins`. */
export interface OriginsDocument {
  /** Trouble first, then the busiest. */
  readonly origins: readonly WatchedOrigin[];
  /**
   * Origins that were looked at: the 500 that were worked on last, and those with limits set. With
   * a text, those of all whose names have it, at most 200.
   */
  readonly total: number;
}

/**
 * `GET api/origins/ORIGIN`, and the event `origin` of a watched origin: as `origins ORIGIN --json`
 * prints it.
 */
export interface OriginDetail {
  readonly origin: OriginDocument;
  /** What has happened there, the newest first, at most 50. */
  readonly events: readonly OriginEvent[];
  /** The learned rate of the last hour; null where none was learned. */
  readonly learnedRates: Series | null;
  /** Those that have asked within a minute, or have slices in the waitlist: by name, at most 50. */
  readonly batches: readonly string[];
  readonly batchCount: number;
  /** robots.txt as the fleet knows it. */
  readonly robots: {
    readonly state: 'unknown' | 'rules' | 'none' | 'unreachable';
    readonly readAt: string | null;
    readonly crawlDelayMs: number | null;
    /** Why it cannot be had, how often it was asked for, and when it is asked for again. */
    readonly reason: string | null;
    readonly tries: number | null;
    readonly againAt: string | null;
  };
}

export interface OriginEvent {
  readonly at: string;
  /** When it has happened again last; `at` where it has not. */
  readonly lastAt: string;
  readonly times: number;
  readonly event:
    | 'blocked'
    | 'opened'
    | 'half-open'
    | 'closed'
    | 'slowed'
    | 'narrowed'
    | 'set'
    | 'unset'
    | 'forgotten'
    | 'tried';
  /** As a phrase about the origin: `blocked: answered 429`. */
  readonly text: string;
  /** End of a block, or when an origin that is down is tried. */
  readonly until: string | null;
  /** The person. */
  readonly by: string | null;
}

/** `GET api/workers`, and the event `workers`. */
export interface WorkersDocument {
  readonly workers: readonly WorkerDocument[];
}

/** `GET api/schedules`, and the event `schedules`. At most 200. */
export interface SchedulesDocument {
  readonly schedules: readonly ScheduleDocument[];
}

/** The event `unavailable` of every stream: the next document comes when Redis answers again. */
export type UnavailableEvent = ErrorDocument;

/** `POST api/login`. The cookie that comes with the answer is all that a viewer needs. */
export interface LoginRequest {
  readonly token: string;
}

/** Of `POST api/login` and `POST api/logout`, which takes `{}`. */
export interface LoginAnswer {
  readonly ok: boolean;
}

/** `GET api/batches/ID`, and the event `batch` of a watched batch. */
export interface BatchDetail {
  readonly batch: WatchedBatch;
  readonly slices: {
    readonly running: number;
    readonly queued: number;
    readonly deferred: number;
    readonly retrying: number;
  };
  /**
   * How long the fetches took whose records were written last, some thousands: how many took at
   * most so many milliseconds and more than the bound before; null stands for longer. Null where
   * the records cannot be read here.
   */
  readonly latency: readonly { readonly upToMs: number | null; readonly count: number }[] | null;
  /** How its records can be read; null where there are none here. */
  readonly records: RecordsSource | null;
  readonly history: Series | null;
  /** Origins that it works on, at most 20, the busiest first. */
  readonly origins: readonly OriginDocument[];
  readonly events: readonly BatchEvent[];
}

/**
 * `GET api/batches/ID/slices`: those that are not done, at most 20 of each state. In a long queue
 * not all are looked at.
 */
export interface SlicesDocument {
  readonly slices: readonly {
    readonly state: 'running' | 'queued' | 'deferred' | 'retrying';
    readonly origin: string;
    readonly fetches: number;
    /** The indexes of its fetches, as `index` of the records takes them: `100-149,151`. */
    readonly indexes: string;
  }[];
}

export interface BatchEvent {
  readonly at: string;
  readonly text: string;
  readonly by: string | null;
}

/** As `failures --json` prints it: `GET api/batches/ID/failures`. */
export interface FailuresDocument {
  readonly batch: string;
  readonly failed: number;
  readonly found: number;
  readonly groups: readonly {
    readonly origin: string;
    readonly outcome: string;
    readonly reason: string;
    readonly count: number;
    readonly example?: { readonly index: number; readonly url: string; readonly message?: string };
  }[];
  readonly more: number;
  /** A sentence for each part that is no regular file and was not read. */
  readonly skippedParts: readonly string[];
}

/**
 * How the records of a batch are read. Plain parts in the results folder are `here`. Records in S3,
 * in a database or in compressed parts are `elsewhere` until somebody asks for them; then they are
 * `copying`, and then `copied` for as long as somebody does.
 */
export interface RecordsSource {
  readonly kind: 'here' | 'elsewhere' | 'copying' | 'copied';
  /** Where they are, without a password. */
  readonly location: string;
  /** When the copy was begun: what was written later is not in it. */
  readonly copiedAt: string | null;
  /** Of a copy that is being made, as far as it is known. */
  readonly doneBytes: number | null;
  readonly totalBytes: number | null;
}

/** A record without its body. */
export interface RecordSummary {
  readonly index: number;
  readonly page: number | null;
  readonly params: Readonly<Record<string, string>>;
  readonly url: string;
  readonly outcome: string;
  readonly status: number | null;
  readonly durationMs: number;
  readonly bytes: number;
  readonly startedAt: string;
}

/**
 * `GET api/batches/ID/records?outcome=&status=&origin=&text=&index=&from=&before=&limit=&copy=`.
 * One request looks for some tenths of a second at most: a page that is not full goes on at `next`.
 */
export interface RecordsDocument {
  readonly records: readonly RecordSummary[];
  /** Records that match before the first of these. */
  readonly offset: number;
  /** Records of the batch that have been indexed so far. */
  readonly indexed: number;
  /** Records that match, as far as they have been looked at. */
  readonly matched: number;
  /** How many records have been looked at, from the first one. */
  readonly looked: number;
  /** Whether all records have been looked at. */
  readonly isComplete: boolean;
  /** Pass as `from` for this page. */
  readonly from: string;
  /** Pass as `before` for the page before; null on the first one. */
  readonly previous: string | null;
  /** Pass as `from` for the next page; null on the last one. */
  readonly next: string | null;
  /** Pass as `from`, with `limit=0`, to go on counting; null where all have been looked at. */
  readonly counted: string | null;
  /** How far the index is; null where it is complete. */
  readonly reading: { readonly doneBytes: number; readonly totalBytes: number } | null;
  readonly source: RecordsSource;
}

/**
 * `GET api/batches/ID/records/INDEX` or `…/INDEX.PAGE`. The body is at `…/body`, and there only:
 * JSON and text as `text/plain`, images of a few types as what they are, anything else to download.
 */
export interface RecordDetail {
  /** As an export has it, without the body. */
  readonly record: Readonly<Record<string, unknown>> & RecordSummary;
  /** How many pages of its fetch there are; null in a batch without pages. */
  readonly pages: number | null;
  /** The request as a line for a shell, secrets as `$NAME`; null where it cannot be told. */
  readonly curl: string | null;
  /** Null where the record has none, or an unchanged one refers to what is not here. */
  readonly body: {
    readonly kind: 'json' | 'text' | 'image' | 'binary';
    /** Of what `…/body` answers. */
    readonly bytes: number;
    /** Whether `…/body` answers it: at most 32 MiB. */
    readonly isServed: boolean;
    /** The batch that it is taken from: an earlier one, if the record is unchanged. */
    readonly batch: string;
  } | null;
}

/** As `show BATCH --json` prints it: the document of the command `show`. */
export interface CrawlDocument {
  readonly batch: string;
  /** Path of the crawl file where the batch was started. */
  readonly source: string;
  readonly total: number;
  /** As the fleet stores it, without comments; secrets are names. */
  readonly crawlFile: string;
  /** The first five; null where `elsewhere` names lists that they need. */
  readonly first: readonly RequestDocument[] | null;
  readonly elsewhere: string | null;
}

/** A request as `validate --json` and `show BATCH --json` print it. */
export interface RequestDocument {
  readonly index: number;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** `POST api/commands`: one command of the command line. */
export interface CommandRequest {
  readonly command:
    | 'pause'
    | 'resume'
    | 'cancel'
    | 'retry'
    | 'prune'
    | 'start'
    | 'validate'
    | 'show'
    | 'fetch-again'
    | 'origins set'
    | 'origins unset'
    | 'origins try'
    | 'schedule add'
    | 'schedule pause'
    | 'schedule resume'
    | 'schedule run-now'
    | 'schedule remove'
    | 'drain';
  /** Id of the batch, origin, worker or schedule. */
  readonly target?: string;
  readonly options?: Readonly<Record<string, string | boolean | readonly string[]>>;
  /** A crawl file, for `start`, `validate` and `schedule add`. */
  readonly crawlFile?: string;
}

/** Its answer: what the command printed. */
export interface CommandAnswer {
  readonly ok: boolean;
  /** The JSON document that it printed, if any. */
  readonly document: unknown;
  /** Its sentences for people, one a line. */
  readonly messages: readonly string[];
}

/** The body of every answer that is none of the above. */
export interface ErrorDocument {
  readonly error: string;
  /** From the catalogue of errors. */
  readonly code: string;
}
