import { redisFolderOf } from './local/redis-folder.ts';
import { RedisSupervisor } from './local/redis-supervisor.ts';

// local/private-redis.ts starts this program, detached, with PROJECT_FOLDER and IDLE_MS.
// It ends by itself when Redis has no clients. Ctrl-C in a terminal, or closing the terminal, must
// not end it. Data and log of Redis are for this user alone, whatever the mask of that command is.
process.umask(0o077);
for (const signal of ['SIGINT', 'SIGHUP', 'SIGPIPE'] as const) {
  process.on(signal, () => undefined);
}
const [projectFolder = process.cwd(), idleMs = ''] = process.argv.slice(2);
await new RedisSupervisor({
  folder: redisFolderOf(projectFolder),
  ...(Number(idleMs) > 0 && { idleMs: Number(idleMs) }),
}).run();
