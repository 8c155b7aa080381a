import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach } from '@jest/globals';

/** Accepts nothing until it is told to: the system drops connections beyond its small backlog. */
const PROGRAM = `
  const { createServer } = require('node:http');
  const { parentPort, workerData } = require('node:worker_threads');
  const server = createServer((_request, response) => response.end('far'));
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(workerData, 0, 0);
  });
`;

export interface FarHost {
  readonly port: number;
  /** From now on connections are accepted: the system of the client tries again each second. */
  accept(): void;
}

const closing: (() => Promise<unknown>)[] = [];

export function closeFarHostsAfterEachTest(): void {
  afterEach(async () => {
    for (const close of closing.splice(0)) {
      await close();
    }
  });
}

/** A server on 127.0.0.1 whose handshake takes a second or more. */
export async function startFarHost(): Promise<FarHost> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(PROGRAM, { eval: true, workerData: gate });
  const [port] = await once(worker, 'message');
  const accept = (): void => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  };
  const sockets: Socket[] = [];
  // The backlog and one more, as Linux counts.
  for (let count = 0; count < 2; count += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
  }
  closing.push(async () => {
    accept();
    for (const socket of sockets) {
      socket.destroy();
    }
    return worker.terminate();
  });
  return { port, accept };
}
