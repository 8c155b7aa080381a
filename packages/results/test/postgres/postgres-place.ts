import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Manifest, Sink } from '@fetchfleet/results';
import { PostgresStore } from '@fetchfleet/results/postgres';
import { Client } from 'pg';
import { BATCH, manifestOf } from '../record-lines.ts';

export type Rows = readonly Readonly<Record<string, unknown>>[];

export async function query(url: string, sql: string): Promise<Rows> {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

let databases = 0;

/** An empty database on the server. @returns its address */
export async function newDatabase(url: string): Promise<string> {
  databases += 1;
  const name = `place_${databases}`;
  await query(url, `CREATE DATABASE ${name}`);
  return url.replace(/\/postgres$/, `/${name}`);
}

export const manifest = async (batch: string): Promise<Manifest> => ({
  ...manifestOf(1_000_000),
  batch,
});

/** A sink that has started. */
export async function startSink(url: string, worker = 'w-1'): Promise<Sink> {
  const sink = new PostgresStore({ url, env: {} }).sink({ worker, manifest });
  await sink.start();
  return sink;
}

/** The lines of a batch, as a reader gets them. */
export async function linesIn(url: string, batch = BATCH): Promise<string[]> {
  await using copy = await new PostgresStore({ url, env: {} }).checkOut(batch);
  const folder = join(copy.dirs[0] ?? '', batch);
  const parts = (await readdir(folder)).filter((name) => name.startsWith('part-'));
  const texts = await Promise.all(parts.map(async (name) => readFile(join(folder, name), 'utf8')));
  return texts.join('').split('\n').slice(0, -1);
}

/** Stands between a client and a server, and can hold back what both send. */
export interface Strait extends AsyncDisposable {
  readonly url: string;
  /** From now on nothing passes, in connections that there are and in new ones. */
  hold(): void;
  pass(): void;
}

export async function openStrait(url: string): Promise<Strait> {
  const { port } = new URL(url);
  const sockets = new Set<Socket>();
  let isHeld = false;
  const server = createServer((client) => {
    const upstream = connect(Number(port), '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => to.write(chunk));
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('error', () => to.destroy());
      if (isHeld) {
        from.pause();
      }
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    url: url.replace(`:${port}/`, `:${address.port}/`),
    hold: () => {
      isHeld = true;
      sockets.forEach((socket) => socket.pause());
    },
    pass: () => {
      isHeld = false;
      sockets.forEach((socket) => socket.resume());
    },
    [Symbol.asyncDispose]: async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}
