import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from '@jest/globals';
import { eventually, ReadTimes, type ReadTime } from '../../src/index.ts';

/** Sends a request on each of some new connections, and when it is told to, another one. */
const CLIENT = `
  const { connect } = require('node:net');
  const { parentPort, workerData: { port, sent, count } } = require('node:worker_threads');
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
  const send = (socket) => socket.write('GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n', () => {
    Atomics.add(sent, 0, 1);
    Atomics.notify(sent, 0);
  });
  for (const socket of sockets) {
    socket.on('connect', () => send(socket)).on('data', () => undefined);
  }
  parentPort.on('message', (message) => {
    for (const socket of sockets) {
      message === 'end' ? socket.destroy() : send(socket);
    }
  });
`;

describe('the times at which requests were read', () => {
  it('reach back to before a stall, also for new connections', async () => {
    const read: ReadTime[] = [];
    const server = createServer((request, response) => {
      read.push(times.of(request));
      response.end();
    });
    const times = new ReadTimes(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const sent = new Int32Array(new SharedArrayBuffer(4));
    const { port } = server.address() as AddressInfo;
    const count = 8;
    const client = new Worker(CLIENT, { eval: true, workerData: { port, sent, count } });
    const tell = (what: 'send' | 'end'): void => {
      client.postMessage(what);
    };
    const stalls: { readonly from: number; readonly to: number }[] = [];
    for (const requests of [count, 2 * count]) {
      // A worker thread starts without this one; messages are sent before it stalls.
      const from = performance.now();
      while (Atomics.load(sent, 0) < requests) {
        Atomics.wait(sent, 0, Atomics.load(sent, 0), 10);
      }
      stalls.push({ from, to: performance.now() });
      await eventually(() => read.length === requests);
      if (requests === count) {
        tell('send');
      }
    }
    tell('end');
    await client.terminate();
    server.close();
    expect(read).toHaveLength(2 * count);
    for (const [at, { from, at: readAt }] of read.entries()) {
      const stall = stalls[at < count ? 0 : 1];
      expect(readAt).toBeGreaterThanOrEqual(stall?.to ?? Infinity);
      expect(from).toBeLessThanOrEqual(stall?.from ?? 0);
    }
  });
});
