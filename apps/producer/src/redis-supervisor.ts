import { redisFolderOf } from './local/redis-folder.ts';
import { RedisKeeper } from './local/redis-supervisor.ts';

// The program that embedded-redis.ts starts, detached: keeper PROJECT_FOLDER IDLE_MS.
// It ends by itself when nobody uses Redis; a terminal that closes, or Ctrl-C there, is not its business.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGPIPE'] as const) process.on(signal, () => undefined);
const [projectFolder = process.cwd(), idleMs = ''] = process.argv.slice(2);
await new RedisKeeper({
  folder: redisFolderOf(projectFolder),
  ...(Number(idleMs) > 0 && { idleMs: Number(idleMs) }),
}).run();
