import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { request as send } from 'node:http';
import { join } from 'node:path';
import { connectRedis, fleetKeys, type FleetKeys } from '@fetchfleet/fleet';
import { openStore } from '@fetchfleet/results';
import { createLogger } from '@fetchfleet/service';
import { binaryPath, redisUrl, temporaryFolder, trackRedis } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { readSettings } from '../src/config.ts';
import { WebServer } from '../src/web-server.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, with the headers of a page of ours. */
  readonly body?: unknown;
  /** Whether it has no other headers than those. @default false */
  readonly isBare?: boolean;
}

/** A server with a small page, for a fleet of its own. */
export class Web {
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly results: string;
  /** Lines of its log. */
  readonly lines: string[];
  readonly #server: WebServer;
  readonly #port: number;

  private constructor(parts: {
    readonly redis: Redis;
    readonly keys: FleetKeys;
    readonly results: string;
    readonly lines: string[];
    readonly server: WebServer;
    readonly port: number;
  }) {
    this.redis = parts.redis;
    this.keys = parts.keys;
    this.results = parts.results;
    this.lines = parts.lines;
    this.#server = parts.server;
    this.#port = parts.port;
  }

  /**
   * @param url of another Redis than that of the test run
   * @param env of the server, besides PATH
   */
  static async start(
    flags: readonly string[] = [],
    url = redisUrl(),
    env: Readonly<Record<string, string>> = {},
  ): Promise<Web> {
    const fleet = `t-${randomBytes(6).toString('hex')}`;
    const folder = await temporaryFolder('web');
    const page = join(folder.path, 'page');
    await writePage(page);
    const results = join(folder.path, 'results');
    await mkdir(results);
    const own = ['--redis-url', url, '--fleet', fleet, '--port', '0', '--results', results];
    const lines: string[] = [];
    const destination = { write: (line: string) => lines.push(line) };
    const settings = readSettings([...own, ...flags], {});
    const server = new WebServer({
      settings,
      env: { ...env, PATH: process.env['PATH'] },
      store: await openStore(settings.results.url, { env, cwd: folder.path }),
      log: createLogger({
        name: 'web',
        pretty: false,
        // A stream is only written to.
        destination: destination as unknown as NodeJS.WriteStream,
      }),
      page,
      program: binaryPath('fetchfleet'),
    });
    const redis = await connectRedis(url);
    const port = await server.start();
    trackRedis(redis, `web server of ${fleet}`, async () => {
      redis.disconnect();
      await server.stop();
      await folder.remove();
    });
    return new Web({ redis, keys: fleetKeys(fleet), results, lines, server, port });
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Sends a request as it is: no client corrects its path or headers. */
  async ask(
    path: string,
    { method, headers = {}, body, isBare = false }: Sent = {},
  ): Promise<Reply> {
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    const ours = { origin: this.origin, 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const request = send(
        {
          host: '127.0.0.1',
          port: this.#port,
          path,
          agent: false,
          method: method ?? (body === undefined ? 'GET' : 'POST'),
          headers: { ...(body !== undefined && !isBare && ours), ...headers },
        },
        (response) => {
          response
            .setEncoding('utf8')
            .toArray()
            .then((chunks) =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                text: chunks.join(''),
              }),
            )
            .catch(reject);
        },
      );
      request.once('error', reject);
      request.end(text);
    });
  }

  async json(path: string, sent?: Sent) {
    const reply = await this.ask(path, sent);
    // oxlint-disable-next-line typescript/no-unsafe-assignment
    return { ...reply, document: JSON.parse(reply.text) };
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

async function writePage(folder: string): Promise<void> {
  await mkdir(join(folder, 'assets'), { recursive: true });
  const script = `<script type="module" src="./assets/index-B3f9x0a1.js"></script>`;
  await writeFile(
    join(folder, 'index.html'),
    `<!doctype html><head>${script}</head>${' '.repeat(2_000)}`,
  );
  await writeFile(join(folder, 'assets/index-B3f9x0a1.js'), 'export {};'.repeat(300));
}
