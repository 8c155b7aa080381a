import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from '@jest/globals';
import { ReadTimes, type ReadTime } from '../../src/index.ts';

/** Sends a request on a new connection, and another one on the same, each when it is told to. */
const CLIENT = `
  const { connect } = require('node:net');
  const { parentPort, workerData: { port, sent } } = require('node:worker_threads');
  const socket = connect(port, '127.0.0.1');
  const send = () => socket.write('GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n', () => {
    Atomics.add(sent, 0, 1);
    Atomics.notify(sent, 0);
  });
  socket.on('connect', send).on('data', () => undefined);
  parentPort.on('message', (message) => message === 'end' ? socket.destroy() : send());
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
    const client = new Worker(CLIENT, { eval: true, workerData: { port, sent } });
    const tell = (what: 'send' | 'end'): void => {
      client.postMessage(what);
    };
    const stalls: { readonly from: number; readonly to: number }[] = [];
    for (const requests of [1, 2]) {
      // A worker thread starts without this one; messages are sent before it stalls.
      const from = performance.now();
      Atomics.wait(sent, 0, requests - 1);
      stalls.push({ from, to: performance.now() });
      while (read.length < requests) {
        await once(server, 'request');
      }
      if (requests === 1) {
        tell('send');
      }
    }
    tell('end');
    await client.terminate();
    server.close();
    expect(read).toHaveLength(2);
    for (const [at, stall] of stalls.entries()) {
      expect(read[at]?.at).toBeGreaterThanOrEqual(stall.to);
      expect(read[at]?.from).toBeLessThanOrEqual(stall.from);
    }
  });
});
