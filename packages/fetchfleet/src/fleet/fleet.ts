import { BatchExpansion, statusDocument } from '@fetchfleet/fleet';
import {
  type Context,
  findBatch,
  FleetSession,
  Interrupts,
  type LoadedCrawl,
  measureCrawl,
  Problems,
  readListAccess,
  withComparison,
} from '@fetchfleet/producer/library';
import { CrawlDefinition } from '../crawl/define-crawl.ts';
import { type Environment, environmentOf } from '../environment/environment.ts';
import { Batch } from './batch.ts';
import type { BatchStatus } from './documents.ts';
import { WarningTerminal } from './warning-terminal.ts';

export interface FleetOptions {
  /** As `REDIS_URL`: the Redis that the workers use. */
  readonly redisUrl: string;
  /** As `FETCHFLEET_FLEET`, which is its default: the name of the fleet. */
  readonly fleet?: string;
  /**
   * As `--results`: where records are read, a folder or an address. @default the folders that
   * workers report, as far as they are on this machine, and that of `FETCHFLEET_RESULTS`
   */
  readonly results?: string;
  /** As `--allow-private`: whether lists at URLs may be at private addresses. @default false */
  readonly allowPrivate?: boolean;
  /**
   * Variables of commands, secrets, credentials of S3 and databases. @default those of the process
   */
  readonly env?: Environment;
  /** Told what a command would print as a warning. @default nobody is */
  readonly onWarning?: (message: string) => void;
}

export interface StartOptions {
  /**
   * Called once, when Redis is so full that the rest of the batch waits until workers have made
   * room.
   */
  readonly onFull?: () => void;
  /** Stops queueing. The batch stays, and a later start of the same crawl is another one. */
  readonly signal?: AbortSignal;
}

/** A connection to a fleet. Several in one process do not see each other. */
export class Fleet {
  readonly #session: FleetSession;
  readonly #context: Context;
  readonly #options: FleetOptions;

  private constructor(session: FleetSession, context: Context, options: FleetOptions) {
    this.#session = session;
    this.#context = context;
    this.#options = options;
  }

  /** @internal What is behind it, for the other parts of the library. */
  static partsOf(fleet: Fleet): { readonly session: FleetSession; readonly context: Context } {
    return { session: fleet.#session, context: fleet.#context };
  }

  /** @internal See {@link connectFleet}. */
  static async connect(options: FleetOptions): Promise<Fleet> {
    const { redisUrl, fleet, results, onWarning = () => undefined } = options;
    const context: Context = {
      env: {
        ...environmentOf(options.env),
        REDIS_URL: redisUrl,
        ...(fleet !== undefined && { FETCHFLEET_FLEET: fleet }),
        ...(results !== undefined && { FETCHFLEET_RESULTS: results }),
      },
      cwd: process.cwd(),
      terminal: new WarningTerminal(onWarning),
      // Signals belong to the program.
      interrupts: new Interrupts(() => undefined),
    };
    return new Fleet(await FleetSession.open(context, 'refuse'), context, options);
  }

  /**
   * Starts a batch of a crawl: streams its lists, and queues all its fetches.
   *
   * @throws InputError (`INPUT_INVALID`) if a list is wrong; the reason of `signal`
   */
  async start<Params extends string>(
    crawl: CrawlDefinition<Params>,
    { onFull, signal }: StartOptions = {},
  ): Promise<Batch<Params>> {
    return this.#connected(async () => {
      const { allowPrivate } = this.#options;
      const flags = allowPrivate === undefined ? {} : { allowPrivate };
      const access = readListAccess(flags, this.#context);
      const loaded = await this.#load(crawl, access.allowPrivate);
      await this.#session.checkBeforeEnqueueing(this.#context);
      const compared = await withComparison(loaded, access.results, this.#context);
      const full = { onFull: () => onFull?.() };
      const expansion = await BatchExpansion.create(this.#session, compared, full);
      await expansion.run({ ...full, ...(signal !== undefined && { signal }) });
      return this.#batch<Params>(expansion.status.batch);
    });
  }

  /**
   * A batch by its id, whoever has started it.
   *
   * @throws UnknownBatchError (`BATCH_UNKNOWN`)
   */
  async batch(id: string): Promise<Batch> {
    return this.#connected(async () => {
      await findBatch(this.#session.ledger, id);
      return this.#batch(id);
    });
  }

  /** All batches that have not been pruned, the newest first. */
  async batches(): Promise<BatchStatus[]> {
    return this.#connected(async () => {
      const { ledger } = this.#session;
      return (await ledger.statuses(await ledger.batches())).map((one) => statusDocument(one));
    });
  }

  /** Ends the connection. Batches go on. */
  async close(): Promise<void> {
    await this.#session.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #batch<Params extends string>(id: string): Batch<Params> {
    return new Batch<Params>(id, {
      session: this.#session,
      context: this.#context,
      results: this.#options.results,
    });
  }

  async #load(definition: CrawlDefinition, allowPrivate: boolean): Promise<LoadedCrawl> {
    const { path } = definition;
    const crawl = CrawlDefinition.crawlOf(definition);
    const problems = new Problems();
    const loaded = await measureCrawl({ path, read: async () => crawl }, problems, {
      context: this.#context,
      allowPrivate,
    });
    problems.throwIfAny('nothing was enqueued');
    if (loaded === undefined) {
      throw new Error('internal error: no problem was reported');
    }
    return loaded;
  }

  async #connected<T>(work: () => Promise<T>): Promise<T> {
    return Promise.race([work(), this.#session.lost]);
  }
}

/**
 * Connects to a fleet: to the Redis that its workers use.
 *
 * @throws RedisUrlError (`REDIS_URL_INVALID`), RedisUnreachableError (`REDIS_UNREACHABLE`) after
 *   10 s, RedisUnfitError (`REDIS_UNFIT`) if no fleet can work on this Redis. Once Redis has been
 *   away for 10 s, every call rejects with `REDIS_UNREACHABLE`: connect anew
 */
export async function connectFleet(options: FleetOptions): Promise<Fleet> {
  return Fleet.connect(options);
}
