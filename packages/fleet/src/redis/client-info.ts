import { callbackify } from 'node:util';
import { type Cluster, Command, type Redis } from 'ioredis';
import { isWithheld } from './redis-refusal.ts';

/*
 * A careful administrator keeps `INFO` from users. But ioredis asks it whether a server is ready,
 * and BullMQ which version it is. So clients answer it as far as `HELLO` tells, which nobody can be
 * refused: version, kind and role, but neither memory nor persistence.
 */

/** Where not even `HELLO` tells: the oldest that fleets work on. */
const ASSUMED = 'redis_version:6.2.0';

/** Gives the client, and its copies, an `info` that does not fail for want of the right to it. */
export function redisWithInfo(redis: Redis): Redis {
  answerInfo(redis);
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = (override) => redisWithInfo(duplicate(override));
  return redis;
}

/** The same for a cluster, and for the clients of its nodes. */
export function clusterWithInfo(cluster: Cluster): Cluster {
  answerInfo(cluster);
  cluster.on('+node', (node: Redis) => redisWithInfo(node));
  const duplicate = cluster.duplicate.bind(cluster);
  cluster.duplicate = (nodes, override) => clusterWithInfo(duplicate(nodes, override));
  return cluster;
}

/** Not put into an automatic pipeline: those wait until the server is ready. */
async function send(
  client: Redis | Cluster,
  name: string,
  args: readonly string[] = [],
): Promise<unknown> {
  return client.sendCommand(new Command(name, [...args], { replyEncoding: 'utf8' }));
}

function answerInfo(client: Redis | Cluster): void {
  let isRefused = false;
  // Redis logs what it refuses, so it is asked once for each connection.
  client.on('connect', () => {
    isRefused = false;
  });
  const ask = async (sections: readonly string[]): Promise<string> => {
    if (!isRefused) {
      try {
        return String(await send(client, 'info', sections));
      } catch (error) {
        if (!isWithheld(error)) {
          throw error;
        }
        isRefused = true;
      }
    }
    return infoOfHello(await send(client, 'hello').catch(() => []));
  };
  client.info = async (...args: readonly unknown[]): Promise<string> => {
    const answer = ask(args.filter((one) => typeof one === 'string'));
    const callback = args.at(-1);
    // ioredis passes one where it asks whether a server is ready.
    if (typeof callback === 'function') {
      callbackify(async () => answer)((error, text) => callback(error, text));
    }
    return answer;
  };
}

/**
 * What a reply of `HELLO` says, as `INFO` would.
 *
 * @param reply names and values, one after the other
 */
export function infoOfHello(reply: unknown): string {
  const words = Array.isArray(reply) ? reply.map(String) : [];
  const valueOf = (name: string): string | undefined =>
    words.find((_, at) => at % 2 === 1 && words[at - 1] === name);
  const version = valueOf('version');
  const mode = valueOf('mode');
  const role = valueOf('role');
  return [
    version === undefined ? ASSUMED : `${valueOf('server') ?? 'redis'}_version:${version}`,
    ...(mode === undefined
      ? []
      : [`redis_mode:${mode}`, `cluster_enabled:${mode === 'cluster' ? 1 : 0}`]),
    ...(role === undefined ? [] : [`role:${role === 'replica' ? 'slave' : role}`]),
  ].join('\r\n');
}
