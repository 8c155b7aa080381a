import { describe, expect, it } from '@jest/globals';
import { createConnection } from 'node:net';
import { findRedis } from '../../src/redis/redis-provider.ts';
import {
  eventually,
  installLeakGuard,
  isAlive,
  redisUrl,
  startProcess,
  startRedis,
} from '../../src/index.ts';
import { processState } from '../../src/process/process-state.ts';

describe('findRedis', () => {
  it('takes the REDIS_URL that is given and leaves it running', async () => {
    const redis = await findRedis({ REDIS_URL: 'redis://127.0.0.1:1' });
    expect(redis).toMatchObject({ url: 'redis://127.0.0.1:1', source: 'REDIS_URL' });
    await redis.stop();
  });

  it('has put a Redis that answers into REDIS_URL', async () => {
    await expect(ask(redisUrl(), 'PING')).resolves.toBe('+PONG');
  });
});

describe('a private Redis', () => {
  it('keeps synced data over SIGKILL and a restart, on the same port', async () => {
    const redis = await startRedis({ appendonly: true, appendfsync: 'always' });
    const { url, pid } = redis;
    await ask(url, 'SET a 1');
    await redis.kill();
    expect(redis.isRunning).toBe(false);
    await redis.restart();
    expect(redis).toMatchObject({ url, isRunning: true });
    expect(redis.pid).not.toBe(pid);
    await expect(ask(url, 'GET a')).resolves.toBe('$1');
    await redis.dispose();
  });

  it('answers nothing while it is frozen and goes on when thawed', async () => {
    const redis = await startRedis();
    redis.freeze();
    await eventually(() => processState(redis.pid) === 'T');
    redis.thaw();
    await expect(ask(redis.url, 'PING')).resolves.toBe('+PONG');
    await redis.dispose();
  });

  it('names the port that is taken', async () => {
    const redis = await startRedis();
    await expect(startRedis({ port: redis.port })).rejects.toThrow(/ended \(1\).*in use/su);
    await redis.dispose();
  });

  it('dies with the process that started it, even when that is killed', async () => {
    const index = import.meta.resolve('../../src/index.ts');
    const script = `const { startRedis } = await import('${index}');
      const redis = await startRedis();
      console.log('redis', redis.pid);
      setInterval(() => {}, 1000);`;
    const owner = await startProcess('node', ['--input-type=module', '-e', script]);
    const [, pid = ''] = await owner.waitForLine(/^redis (\d+)$/u);
    await owner.kill();
    await eventually(() => expect(isAlive(Number(pid))).toBe(false));
  });
});

installLeakGuard();

/** The first line of Redis's answer to an inline command. */
async function ask(url: string, command: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: hostname, port: Number(port) }, () => {
      socket.write(`${command}\r\n`);
    });
    socket.once('error', reject);
    socket.once('data', (chunk) => {
      socket.destroy();
      resolve(chunk.toString().split('\r\n')[0] ?? '');
    });
  });
}
