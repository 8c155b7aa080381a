import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** How the network between fleet and Redis is. */
export type LinkState =
  /** `delayMs` each way. */
  | { readonly kind: 'open'; readonly delayMs: number }
  /** Connections are closed and refused. */
  | { readonly kind: 'cut' }
  /** Connections stay open, and no byte passes. */
  | { readonly kind: 'mute' };

/** The only way from the fleet to its Redis: a TCP proxy that can be slow, cut, mute, and moved. */
export class RedisLink {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #state: LinkState = { kind: 'open', delayMs: 0 };
  #target: number;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (client: Socket) => this.#join(client));
  }

  static async start(target: number): Promise<RedisLink> {
    const server = createServer();
    const link = new RedisLink(server, target);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return link;
  }

  get url(): string {
    const address = this.#server.address();
    return `redis://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
  }

  set(state: LinkState): void {
    this.#state = state;
    // What was sent meanwhile is lost, as behind a firewall that forgot its connections.
    if (state.kind !== 'mute') {
      this.#closeAll();
    }
  }

  /** New connections lead to another Redis; those that are open end. */
  moveTo(port: number): void {
    this.#target = port;
    this.#closeAll();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#closeAll();
    await closed;
  }

  #closeAll(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #join(client: Socket): void {
    if (this.#state.kind === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const redis = connect(this.#target, '127.0.0.1');
    this.#pipe(client, redis);
    this.#pipe(redis, client);
  }

  #pipe(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('error', () => from.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on('data', (bytes: Buffer) => {
      if (this.#state.kind !== 'open') {
        return;
      }
      // Timers of the same delay fire in the order in which they were set.
      if (this.#state.delayMs > 0) {
        setTimeout(() => to.writable && to.write(bytes), this.#state.delayMs);
      } else {
        to.write(bytes);
      }
    });
  }
}
