import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const A = 1;
const TTL_S = 1;

/** A DNS server on loopback that knows a few names, and is silent about some if asked to. */
export class NameServer {
  readonly #socket: Socket;
  readonly #addresses: ReadonlyMap<string, string>;
  readonly #silent = new Set<string>();

  private constructor(socket: Socket, addresses: ReadonlyMap<string, string>) {
    this.#socket = socket;
    this.#addresses = addresses;
    socket.on('message', (message, from) => {
      const answer = this.#answer(message);
      if (answer !== undefined) {
        socket.send(answer, from.port, from.address);
      }
    });
  }

  static async start(addresses: ReadonlyMap<string, string>): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket, addresses);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  silence(name: string): void {
    this.#silent.add(name);
  }

  speak(name: string): void {
    this.#silent.delete(name);
  }

  async stop(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  #answer(message: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let size = message[at] ?? 0; size > 0; size = message[at] ?? 0) {
      labels.push(message.toString('latin1', at + 1, at + 1 + size));
      at += 1 + size;
    }
    const name = labels.join('.').toLowerCase();
    if (this.#silent.has(name)) {
      return undefined;
    }
    const address = this.#addresses.get(name);
    const isFound = address !== undefined && message.readUInt16BE(at + 1) === A;
    const head = Buffer.from(message.subarray(0, 12));
    // A response without recursion errors; 3 is "no such name". One question, at most one answer.
    head.writeUInt16BE(0x8180 | (address === undefined ? 3 : 0), 2);
    [1, isFound ? 1 : 0, 0, 0].forEach((count, field) => head.writeUInt16BE(count, 4 + 2 * field));
    const record = isFound
      ? Buffer.from([0xc0, 12, 0, A, 0, 1, 0, 0, 0, TTL_S, 0, 4, ...address.split('.').map(Number)])
      : Buffer.alloc(0);
    return Buffer.concat([head, message.subarray(12, at + 5), record]);
  }
}
