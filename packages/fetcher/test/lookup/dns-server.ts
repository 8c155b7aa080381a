import { createSocket } from 'node:dgram';
import { promises as dns } from 'node:dns';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { afterEach } from '@jest/globals';

/** What the server answers for a name: addresses, an error code, or nothing at all. */
export type Zone = Readonly<Record<string, readonly string[] | 'silent' | 'broken'>>;

export interface DnsServer {
  readonly resolver: dns.Resolver;
  /** The questions so far, as `name type`. */
  readonly questions: readonly string[];
}

const A = 1;
const AAAA = 28;
const [NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME] = [0, 2, 3];
const TTL_S = 30;

const closing: (() => Promise<void>)[] = [];

export function closeDnsAfterEachTest(): void {
  afterEach(async () => {
    for (const close of closing.splice(0)) {
      await close();
    }
  });
}

/** A DNS server on loopback. `silentFor6` are names that it answers for IPv4 only. */
export async function startDns(zone: Zone, silentFor6: readonly string[] = []): Promise<DnsServer> {
  // Hundreds of questions come at once, and whatever does not fit is lost.
  const server = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const questions: string[] = [];
  server.on('message', (message, from) => {
    const { name, type, end } = readQuestion(message);
    questions.push(`${name} ${type === A ? 'A' : 'AAAA'}`);
    const entry = zone[name];
    if (entry === 'silent' || (type === AAAA && silentFor6.includes(name))) {
      return;
    }
    const code =
      entry === undefined ? NO_SUCH_NAME : entry === 'broken' ? SERVER_FAILURE : NO_ERROR;
    const addresses = typeof entry === 'string' || entry === undefined ? [] : entry;
    const wanted = addresses.filter((address) => isIP(address) === (type === A ? 4 : 6));
    const head = Buffer.alloc(12);
    message.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8180 | code, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(wanted.length, 6);
    const answers = wanted.map((address) => recordOf(address, type));
    const answer = Buffer.concat([head, message.subarray(12, end), ...answers]);
    server.send(answer, from.port, from.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const resolver = new dns.Resolver({ timeout: 1_000, tries: 4 });
  resolver.setServers([`127.0.0.1:${server.address().port}`]);
  closing.push(async () => {
    resolver.cancel();
    server.close();
    await once(server, 'close');
  });
  return { resolver, questions };
}

function readQuestion(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let size = message[at] ?? 0; size > 0; size = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + size));
    at += 1 + size;
  }
  return { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function recordOf(address: string, type: number): Buffer {
  const data = Buffer.from(
    type === A ? address.split('.').map(Number) : [...Array<number>(15).fill(0), 1],
  );
  const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, TTL_S, 0, data.length]);
  return Buffer.concat([head, data]);
}
