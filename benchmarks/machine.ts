import { spawnSync } from 'node:child_process';
import { cpus, platform, release } from 'node:os';

/** What a figure depends on, in one or two lines. */
export function describeMachine(): string {
  const [cpu] = cpus();
  const redis = /v=(\S+)/.exec(
    spawnSync('redis-server', ['-v'], { encoding: 'utf8' }).stdout ?? '',
  );
  const machine = `${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${platform()} ${release()}`;
  const versions = [`Node ${process.versions.node}`, `Redis ${redis?.[1] ?? '?'}`];
  return `fetchfleet benchmarks, ${new Date().toISOString().slice(0, 10)}\n${machine}; ${versions.join(', ')}`;
}
