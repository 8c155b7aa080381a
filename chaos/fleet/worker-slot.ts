import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot, type Running, startProcess } from '@fetchfleet/testing';
import { nowEpochMs } from '../model/timeline.ts';
import type { Trace } from '../trace.ts';
import { FLEET } from './command.ts';

export interface SlotOptions {
  readonly name: string;
  readonly folder: string;
  readonly redisUrl: string;
  readonly results: string;
  /** A built clone of another release. */
  readonly release: string | undefined;
  readonly trace: Trace;
  /** Loaded before everything else; undefined for a worker whose clock is right. */
  readonly clock?: { readonly library: string; readonly file: string } | undefined;
  /** `undici` is what releases before 0.2 call the native one; all of them know that name. */
  readonly transport: 'got' | 'undici';
}

/** Of the worker: see `docs/operations.md`. */
const DRAIN_S = 5;
/** Without Redis a worker ends 3 s after its drain timeout. The rest is for a busy machine. */
const STOP_MS = (DRAIN_S + 3 + 7) * 1000;
const RESTART_MS = 1_000;

/** What a process needs at a moment. */
export interface Footprint {
  readonly memoryMiB: number;
  readonly descriptors: number;
  /** How long it has waited for a CPU so far, in ms. */
  readonly waitedMs: number;
}

/** A place for one worker process, and a supervisor that starts it again when it ends. */
export class WorkerSlot {
  readonly name: string;
  /** A built clone of another release; undefined for this one. */
  release: string | undefined;
  /** Ends that nobody asked for: when, and the exit status. */
  readonly crashes: { readonly at: number; readonly code: number | null }[] = [];
  readonly #options: SlotOptions;
  #running: Running | undefined;
  #isWanted = false;

  constructor(options: SlotOptions) {
    this.#options = options;
    this.name = options.name;
    this.release = options.release;
  }

  get pid(): number | undefined {
    return this.#running?.isRunning === true ? this.#running.pid : undefined;
  }

  get hasClock(): boolean {
    return this.#options.clock !== undefined;
  }

  async start(): Promise<void> {
    const { folder, name, clock } = this.#options;
    this.#isWanted = true;
    const program = join(this.release ?? repositoryRoot, 'apps/worker/bin/fetchfleet-worker.js');
    // The shell becomes the worker; its log is a file, which grows without filling our memory.
    const script = `exec "$0" "$@" >>'${join(folder, `${name}.log`)}' 2>&1`;
    const running = await startProcess(
      'sh',
      ['-c', script, process.execPath, program, ...this.#flags()],
      {
        cwd: folder,
        env: {
          REDIS_URL: this.#options.redisUrl,
          FETCHFLEET_LOG_FORMAT: 'json',
          ...(clock !== undefined && {
            LD_PRELOAD: clock.library,
            FAKETIME_TIMESTAMP_FILE: clock.file,
            FAKETIME_CACHE_DURATION: '1',
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
            DONT_FAKE_MONOTONIC: '1',
          }),
        },
      },
    );
    this.#running = running;
    void this.#supervise(running);
  }

  /** Starts it again if it ends and nobody has asked for that. */
  async #supervise(running: Running): Promise<void> {
    const { code, signal } = await running.exit;
    if (this.#isWanted && this.#running === running) {
      this.crashes.push({ at: nowEpochMs(), code });
      this.#options.trace.say(`${this.name} ended by itself: ${signal ?? `exit status ${code}`}`);
      await sleep(RESTART_MS);
      await (this.#isWanted && this.#running === running ? this.start() : undefined);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#running?.signal(signal);
  }

  async kill(): Promise<void> {
    this.#isWanted = false;
    await this.#running?.kill('SIGKILL');
  }

  /** Sends SIGTERM. @returns how long it took; undefined if it was too long, and it was killed */
  async stop(): Promise<number | undefined> {
    this.#isWanted = false;
    const running = this.#running;
    if (running?.isRunning !== true) {
      return 0;
    }
    const startedAt = performance.now();
    const timer = setTimeout(() => running.signal('SIGKILL'), STOP_MS);
    const { signal } = await running.kill('SIGTERM');
    clearTimeout(timer);
    return signal === 'SIGKILL' ? undefined : performance.now() - startedAt;
  }

  /** undefined where there is no process, or no `/proc`. */
  footprint(): Footprint | undefined {
    const { pid } = this;
    const proc = `/proc/${pid}`;
    if (pid === undefined || !existsSync(`${proc}/schedstat`)) {
      return undefined;
    }
    try {
      const status = readFileSync(`${proc}/status`, 'utf8');
      const [, waited = '0'] = readFileSync(`${proc}/schedstat`, 'utf8').split(' ');
      return {
        memoryMiB: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024,
        descriptors: readdirSync(`${proc}/fd`).length,
        waitedMs: Number(waited) / 1e6,
      };
    } catch {
      return undefined; // It has just ended.
    }
  }

  #flags(): string[] {
    const { results, transport } = this.#options;
    const settings = {
      fleet: FLEET,
      results,
      transport,
      concurrency: '32',
      'metrics-port': '0',
      'drain-timeout': `${DRAIN_S}s`,
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    return [...flags, '--allow-private'];
  }
}
