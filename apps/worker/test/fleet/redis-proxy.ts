import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { eventually, track } from '@fetchfleet/testing';

interface Link {
  /** Lower-cased commands that came from the client, the latest of them. */
  sent: string;
  isSwallowed: boolean;
}

const nothing = (_sent: string): boolean => false;

/** A proxy to Redis that loses bytes without closing connections, as some firewalls do. */
export async function startRedisProxy(redisUrl: string) {
  const target = new URL(redisUrl);
  const links = new Set<Link>();
  const sockets = new Set<Socket>();
  const upstreams = new Set<Socket>();
  let swallowNew = nothing;
  let heldFrom: string | undefined;
  let lostWith: string | undefined;

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const link: Link = { sent: '', isSwallowed: false };
    const isMeant = swallowNew;
    upstreams.add(upstream);
    links.add(link);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.on('data', (bytes: Buffer) => {
      if (heldFrom !== undefined && bytes.includes(heldFrom)) {
        heldFrom = undefined;
        for (const each of upstreams) {
          each.pause();
        }
      }
      link.sent = `${link.sent}${bytes.toString('latin1').toLowerCase()}`.slice(-20_000);
      if (!link.isSwallowed && isMeant(link.sent)) {
        link.isSwallowed = true;
      }
      if (!link.isSwallowed) {
        upstream.write(bytes);
      }
    });
    upstream.on('data', (bytes: Buffer) => {
      if (lostWith !== undefined && bytes.includes(lostWith)) {
        lostWith = undefined;
        end();
      } else if (!link.isSwallowed) {
        client.write(bytes);
      }
    });
    const end = (): void => {
      links.delete(link);
      upstreams.delete(upstream);
      client.destroy();
      upstream.destroy();
    };
    client.on('close', end);
    upstream.on('close', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
    await once(server, 'close');
  };
  track({ what: `Redis proxy on ${port}`, isOpen: () => server.listening, close: stop });
  return {
    url: `redis://127.0.0.1:${port}${target.pathname}`,
    stop,
    /**
     * Stops passing bytes through the open connections on which `command` was sent.
     *
     * @returns how many connections that concerns
     */
    swallow(command = ''): number {
      const meant = [...links].filter(({ sent }) => sent.includes(command));
      for (const link of meant) {
        link.isSwallowed = true;
      }
      return meant.length;
    },
    /**
     * Holds back what Redis answers, from the next command on in which `text` stands.
     *
     * @returns once it has come, and then passes the answers on when it is called
     */
    async holdAnswers(text: string): Promise<() => void> {
      heldFrom = text;
      await eventually(() => heldFrom === undefined, { intervalMs: 1 });
      return () => {
        for (const each of upstreams) {
          each.resume();
        }
      };
    },
    /** Closes a connection instead of passing on the next answer in which `text` stands. */
    async loseAnswer(text: string): Promise<void> {
      lostWith = text;
      await eventually(() => lostWith === undefined, { intervalMs: 1 });
    },
    /** Stops passing bytes through a later connection once it has sent what `isMeant` accepts. */
    swallowLater(isMeant: (sent: string) => boolean): void {
      swallowNew = isMeant;
    },
  };
}
