import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BatchStatus, fleetKeys, Ledger } from '@fetchfleet/fleet';
import type { Running } from '@fetchfleet/testing';
import { Batches, isBatchOf, type Started } from '../model/batches.ts';
import { makeCrawl } from '../model/crawls.ts';
import { LimitBook } from '../model/limit-book.ts';
import { nowEpochMs, Timeline } from '../model/timeline.ts';
import type { Options } from '../options.ts';
import { CLASSES, type Origins } from '../origin/origins.ts';
import { seededRandom } from '../random.ts';
import type { Trace } from '../trace.ts';
import { type CommandResult, ended, FLEET, startCommand } from './command.ts';
import type { NameServer } from './name-server.ts';
import type { RedisPair } from './redis-pair.ts';
import type { ResultsDisk } from './results-disk.ts';
import type { WorkerSlot } from './worker-slot.ts';

/** The parts of a world. */
export interface WorldParts {
  readonly options: Options;
  readonly trace: Trace;
  /** Logs, crawl files and data of the run. */
  readonly folder: string;
  readonly origins: Origins;
  readonly redis: RedisPair;
  readonly disk: ResultsDisk;
  readonly names: NameServer;
  readonly slots: readonly WorkerSlot[];
  /** Of the worker whose clock can be wrong. */
  readonly clock: { readonly library: string; readonly file: string } | undefined;
  /** Aborted when the run is to end early. */
  readonly interrupted: AbortSignal;
}

/** A fleet, what surrounds it, and what it was told to do. */
export class World implements WorldParts {
  readonly options: Options;
  readonly trace: Trace;
  readonly folder: string;
  readonly origins: Origins;
  readonly redis: RedisPair;
  readonly disk: ResultsDisk;
  readonly names: NameServer;
  readonly slots: readonly WorkerSlot[];
  readonly clock: WorldParts['clock'];
  readonly interrupted: AbortSignal;
  readonly batches = new Batches();
  readonly timeline = new Timeline();
  readonly limits = new LimitBook(CLASSES);
  /** Hosts that were faulty since the last round. */
  readonly troubledHosts = new Set<string>();
  /** Workers that were killed since the last round. */
  kills: { readonly at: number; readonly worker: string }[] = [];
  /** A built clone whose producer enqueues; undefined for this one. */
  release: string | undefined;
  /** Whether a failover has happened since the last round. */
  wasFailedOver = false;
  #crawls = 0;

  constructor(parts: WorldParts) {
    this.options = parts.options;
    this.trace = parts.trace;
    this.folder = parts.folder;
    this.origins = parts.origins;
    this.redis = parts.redis;
    this.disk = parts.disk;
    this.names = parts.names;
    this.slots = parts.slots;
    this.clock = parts.clock;
    this.interrupted = parts.interrupted;
    this.release = parts.options.previous;
  }

  originOf(host: string): string {
    return `http://${host}:${this.origins.port}`;
  }

  /** Runs a command of this release as a person would, through the link. */
  async command(...args: readonly string[]): Promise<CommandResult> {
    return this.#run(args, undefined);
  }

  /** Adds the schedule, or what the producer of the last release did not know of it. */
  async addSchedule(): Promise<CommandResult> {
    const flags = ['--cron', '*/10 * * * * *', '--id', 'ticking'];
    const more = this.release === undefined ? ['--keep', '3'] : [];
    return this.#run(['schedule', 'add', 'ticking.yaml', ...flags, ...more], this.release);
  }

  async #run(args: readonly string[], release: string | undefined): Promise<CommandResult> {
    const result = await ended(await this.#start(args, release));
    const said = `${result.stdout.slice(0, 200)} ${result.stderr.slice(-300)}`;
    this.trace.note(`fetchfleet ${args.join(' ')}: ${result.code} ${said.replaceAll('\n', ' | ')}`);
    return result;
  }

  /** Begins to enqueue the next crawl. */
  async beginBatch(): Promise<{ readonly started: Started; readonly running: Running }> {
    const number = (this.#crawls += 1);
    // By its number, not by the order in which dice are thrown: times differ from run to run.
    const random = seededRandom(this.options.seed * 10_007 + number);
    const isOld = this.release !== undefined;
    const crawl = makeCrawl(random, { number, port: this.origins.port, isOld });
    await writeFile(join(this.folder, `${crawl.name}.yaml`), crawl.text);
    const started = this.batches.begin(crawl, nowEpochMs());
    this.trace.note(`start ${crawl.name}: ${crawl.expected.length} fetches`);
    return { started, running: await this.#start(['start', `${crawl.name}.yaml`], this.release) };
  }

  /** Waits for the producer; if it has not done its work, starts it again. */
  async endBatch(started: Started, running: Running): Promise<void> {
    if (!this.#acknowledge(started, await ended(running))) {
      await this.startAgain(started);
    }
  }

  /** What a person does whose producer died. It may fail again while Redis is away. */
  async startAgain(started: Started): Promise<void> {
    const file = `${started.crawl.name}.yaml`;
    this.#acknowledge(started, await this.#run(['start', file], this.release));
  }

  async prune(...ids: readonly string[]): Promise<CommandResult> {
    ids.forEach((id) => this.batches.want(id, 'pruned'));
    return this.command('prune', ...ids, '--yes', '--results', this.disk.path);
  }

  /** The crawl files decide again. It may fail while Redis is away. */
  async unsetLimit(host: string): Promise<void> {
    this.limits.reopen(host);
    const { code } = await this.command('origins', 'unset', this.originOf(host));
    if (code === 0) {
      this.limits.end(host);
    }
  }

  /** Resumes all batches that are to run. */
  async resumeAll(): Promise<void> {
    for (const id of this.batches.idsThatAre('running')) {
      await this.command('resume', id);
    }
  }

  /** Ids of the batches of a crawl, as far as Redis answers. */
  async knownIds(name: string): Promise<readonly string[]> {
    const ids = await this.#read(async (ledger) => ledger.batches());
    return (ids ?? []).filter((id) => isBatchOf(id, name));
  }

  /** Those that people may prune, as far as Redis answers. */
  async finishedIds(): Promise<readonly string[]> {
    const ids = this.batches.idsThatAre('running');
    const statuses = await this.#read(async (ledger) => ledger.statuses(ids));
    return (statuses ?? []).flatMap(({ state, batch }) => (state === 'finished' ? [batch] : []));
  }

  /** @throws Error if Redis does not answer */
  async statuses(): Promise<readonly BatchStatus[]> {
    return this.redis.ask(async (client) => {
      const ledger = new Ledger(client, fleetKeys(FLEET));
      return ledger.statuses(await ledger.batches());
    });
  }

  async #read<T>(question: (ledger: Ledger) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.redis.ask(async (client) => question(new Ledger(client, fleetKeys(FLEET))));
    } catch {
      return undefined; // Redis is what is broken at the moment.
    }
  }

  #acknowledge(started: Started, { code, stdout }: CommandResult): boolean {
    const id = stdout.trim();
    const isEnqueued = code === 0 && isBatchOf(id, started.crawl.name);
    if (isEnqueued) {
      this.batches.acknowledge(started, id);
    }
    return isEnqueued;
  }

  async #start(args: readonly string[], release: string | undefined): Promise<Running> {
    const { redis, folder } = this;
    return startCommand(args, { redisUrl: redis.link.url, cwd: folder, release });
  }
}
