import { eventually } from '../resources/eventually.ts';
import { freePort } from '../resources/free-port.ts';
import { redisCli } from './redis-cli.ts';
import { type CertificateFiles, tlsSettings } from './redis-tls.ts';
import { type PrivateRedis, startRedis } from './redis.ts';

/** How long a node may be silent until its replica takes over; a busy machine needs some room. */
const NODE_TIMEOUT_MS = 3_000;
const KEYS_AT_ONCE = 50;
const SLOTS = 16_384;

export interface ClusterNode {
  readonly id: string;
  readonly server: PrivateRedis;
}

export interface RedisClusterOptions {
  /** @default 3 */
  readonly masters?: number;
  /** Replicas of each master. @default 0 */
  readonly replicas?: number;
  /** Further settings of redis.conf, of every node. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Every node has a port for TLS as well. @default none */
  readonly tls?: CertificateFiles;
}

/** A Redis Cluster of real servers, whose slots can be moved and whose nodes can be killed. */
export interface RedisCluster {
  /** `redis+cluster://` with the first two nodes. */
  readonly url: string;
  /** Ports for TLS; empty without. */
  readonly tlsPorts: readonly number[];
  readonly nodes: readonly ClusterNode[];
  /** The master that has the slot of a key, as the first node that answers knows it. */
  masterOf(key: string): Promise<ClusterNode>;
  mastersOtherThan(node: ClusterNode): Promise<readonly ClusterNode[]>;
  /** Moves the slot of a key, with its keys, while clients go on. */
  moveSlotOf(key: string, to: ClusterNode): Promise<void>;
  /** Begins such a move. The function that it returns moves the keys and ends it. */
  beginToMoveSlotOf(key: string, to: ClusterNode): Promise<() => Promise<void>>;
  /** Moves some slots, as `redis-cli --cluster reshard` does. */
  reshard(from: ClusterNode, to: ClusterNode, slots: number): Promise<void>;
  /** Adds a master without slots. */
  addMaster(): Promise<ClusterNode>;
  /**
   * Waits until every node that answers says that all slots are served, and every replica has its
   * data.
   */
  untilOk(): Promise<void>;
  dispose(): Promise<void>;
}

/** Starts `redis-server`s and joins them with `redis-cli --cluster create`. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 0, settings = {}, tls } = options;
  const tlsPorts: number[] = [];
  const start = async (): Promise<PrivateRedis> => {
    const secure = tls === undefined ? {} : await tlsSettings(tls);
    tlsPorts.push(...('tls-port' in secure ? [Number(secure['tls-port'])] : []));
    return startRedis({
      appendonly: true,
      settings: {
        'cluster-enabled': 'yes',
        'cluster-node-timeout': String(NODE_TIMEOUT_MS),
        // The standard one, 10,000 above the other, may be beyond the last port.
        'cluster-port': String(await freePort()),
        'repl-diskless-sync-delay': '0',
        ...secure,
        ...settings,
      },
    });
  };
  const servers = await Promise.all(Array.from({ length: masters * (1 + replicas) }, start));
  const cluster = new Cluster(start, tlsPorts);
  for (const server of servers) {
    await cluster.add(server);
  }
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`);
  const [first] = servers;
  const shape = ['--cluster-replicas', String(replicas), '--cluster-yes'];
  await redisCli(first?.port ?? 0, '--cluster', 'create', ...hosts, ...shape);
  await cluster.untilOk();
  return cluster;
}

class Cluster implements RedisCluster {
  readonly #nodes: ClusterNode[] = [];
  readonly #start: () => Promise<PrivateRedis>;

  readonly tlsPorts: readonly number[];

  constructor(start: () => Promise<PrivateRedis>, tlsPorts: readonly number[]) {
    this.#start = start;
    this.tlsPorts = tlsPorts;
  }

  get url(): string {
    const hosts = this.#nodes.slice(0, 2).map(({ server }) => `127.0.0.1:${server.port}`);
    return `redis+cluster://${hosts.join(',')}`;
  }

  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  async add(server: PrivateRedis): Promise<ClusterNode> {
    const node = { id: await redisCli(server.port, 'CLUSTER', 'MYID'), server };
    this.#nodes.push(node);
    return node;
  }

  async masterOf(key: string): Promise<ClusterNode> {
    const slot = Number(await this.#ask('CLUSTER', 'KEYSLOT', key));
    const rows = await this.#masters();
    const found = rows.find(({ ranges }) => ranges.some(([a, b]) => a <= slot && slot <= b));
    const node = this.#nodes.find(({ id }) => id === found?.id);
    if (node === undefined) {
      throw new Error(`no master has slot ${slot}`);
    }
    return node;
  }

  async mastersOtherThan({ id }: ClusterNode): Promise<readonly ClusterNode[]> {
    const ids = new Set((await this.#masters()).map((row) => row.id));
    return this.#nodes.filter((node) => node.id !== id && ids.has(node.id));
  }

  async moveSlotOf(key: string, to: ClusterNode): Promise<void> {
    if ((await this.masterOf(key)) !== to) {
      const end = await this.beginToMoveSlotOf(key, to);
      await end();
    }
  }

  async beginToMoveSlotOf(key: string, to: ClusterNode): Promise<() => Promise<void>> {
    const slot = await this.#ask('CLUSTER', 'KEYSLOT', key);
    const from = await this.masterOf(key);
    await redisCli(to.server.port, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await redisCli(from.server.port, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    return async () => this.#move(slot, { from, to });
  }

  async #move(
    slot: string,
    { from, to }: { readonly from: ClusterNode; readonly to: ClusterNode },
  ): Promise<void> {
    for (;;) {
      const { port } = from.server;
      const text = await redisCli(port, 'CLUSTER', 'GETKEYSINSLOT', slot, String(KEYS_AT_ONCE));
      const keys = text.split('\n').filter((line) => line !== '');
      if (keys.length === 0) {
        break;
      }
      const target = ['127.0.0.1', String(to.server.port), '', '0', '10000'];
      await redisCli(port, 'MIGRATE', ...target, 'KEYS', ...keys);
    }
    for (const { server } of [to, from, ...(await this.mastersOtherThan(from))]) {
      await redisCli(server.port, 'CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
    }
  }

  async reshard(from: ClusterNode, to: ClusterNode, slots: number): Promise<void> {
    const ends = ['--cluster-from', from.id, '--cluster-to', to.id];
    const host = `127.0.0.1:${to.server.port}`;
    const shape = ['--cluster-slots', String(slots), '--cluster-yes'];
    await redisCli(to.server.port, '--cluster', 'reshard', host, ...ends, ...shape);
  }

  async addMaster(): Promise<ClusterNode> {
    const node = await this.add(await this.#start());
    const [first] = this.#answering();
    const hosts = [node, first].map((one) => `127.0.0.1:${one?.server.port}`);
    await redisCli(node.server.port, '--cluster', 'add-node', ...hosts);
    await this.untilOk();
    return node;
  }

  async untilOk(): Promise<void> {
    await eventually(async () => {
      const infos = await Promise.all(
        this.#answering().map(async ({ server }) => redisCli(server.port, 'CLUSTER', 'INFO')),
      );
      const links = await Promise.all(
        this.#answering().map(async ({ server }) => redisCli(server.port, 'INFO', 'replication')),
      );
      const isKnown = `cluster_known_nodes:${this.#nodes.length}`;
      return (
        infos.every((info) => info.includes('cluster_state:ok') && info.includes(isKnown)) &&
        links.every((link) => !link.includes('master_link_status:down'))
      );
    });
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#nodes.map(async ({ server }) => server.dispose()));
  }

  #answering(): readonly ClusterNode[] {
    return this.#nodes.filter(({ server }) => server.isAnswering);
  }

  async #ask(...command: readonly string[]): Promise<string> {
    return redisCli(this.#answering()[0]?.server.port ?? 0, ...command);
  }

  async #masters(): Promise<
    readonly { readonly id: string; readonly ranges: readonly (readonly [number, number])[] }[]
  > {
    const lines = (await this.#ask('CLUSTER', 'NODES')).split('\n');
    return lines
      .map((line) => line.split(' '))
      .filter(([, , flags = '']) => /master/.test(flags) && !/fail(?!\?)/.test(flags))
      .map(([id = '', , , , , , , , ...slots]) => ({
        id,
        ranges: slots
          .filter((slot) => /^\d/.test(slot))
          .map((slot): readonly [number, number] => {
            const [first = SLOTS, last = first] = slot.split('-').map(Number);
            return [first, last];
          }),
      }));
  }
}
