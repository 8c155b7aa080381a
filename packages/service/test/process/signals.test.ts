import { describe, expect, it } from '@jest/globals';
import { installLeakGuard, startProcess } from '@fetchfleet/testing';
import { type SignalProcess, onSignals } from '../../src/process/signals.ts';

installLeakGuard();

/** Starts a process that runs the code `drain` at the first signal. */
async function startDraining(drain: string) {
  const code = `import { onSignals } from '@fetchfleet/service';
    const alive = setInterval(() => undefined, 1000);
    onSignals({
      drain: async (signal) => { console.log('draining ' + signal); ${drain}; console.log('drained'); },
      force: (signal) => console.log('forced ' + signal),
      failed: (error) => console.log('failed: ' + error.message),
    });
    console.log('up');`;
  const child = await startProcess('node', [
    '--conditions=@fetchfleet/source',
    '--input-type=module',
    '--eval',
    code,
  ]);
  await child.waitForLine(/^up$/);
  return child;
}

describe('onSignals', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'drains on %s, then ends by that signal',
    async (signal) => {
      const child = await startDraining('await null');
      expect(await child.kill(signal)).toEqual({ code: null, signal });
      expect(child.stdout).toBe(`up\ndraining ${signal}\ndrained\n`);
    },
  );

  it('forces on the second signal, without waiting for the draining', async () => {
    const child = await startDraining('await new Promise(() => undefined)');
    child.signal('SIGTERM');
    await child.waitForLine(/^draining/);
    expect(await child.kill('SIGINT')).toEqual({ code: null, signal: 'SIGINT' });
    expect(child.stdout).toBe('up\ndraining SIGTERM\nforced SIGINT\n');
  });

  it('reports a draining that failed and ends all the same', async () => {
    const child = await startDraining('throw new Error("no Redis")');
    expect(await child.kill('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    expect(child.stdout).toContain('failed: no Redis');
  });

  it('exits with 128 + n where the signal does not end the process, as for process 1 of a container', async () => {
    const target = new FakeProcess();
    onSignals({ drain: () => Promise.resolve(), force: () => undefined }, target);
    target.receive('SIGTERM');
    expect(await target.exited).toBe(143);
    expect(target.raised).toEqual(['SIGTERM']);
  });

  it('no longer listens once stopped', () => {
    const target = new FakeProcess();
    onSignals({ drain: () => Promise.resolve(), force: () => undefined }, target).stop();
    expect(target.listeners.size).toBe(0);
  });
});

/** Ignores the signals it raises, as only a process 1 does, which tests do not run as. */
class FakeProcess implements SignalProcess {
  readonly pid = 1;
  readonly raised: string[] = [];
  readonly listeners = new Map<string, (signal: 'SIGTERM' | 'SIGINT') => void>();
  readonly exited: Promise<number>;
  exit: (code: number) => void = () => undefined;

  constructor() {
    this.exited = new Promise((resolve) => {
      this.exit = resolve;
    });
  }

  on(signal: string, listener: (signal: 'SIGTERM' | 'SIGINT') => void): void {
    this.listeners.set(signal, listener);
  }

  off(signal: string): void {
    this.listeners.delete(signal);
  }

  kill(_pid: number, signal: string): void {
    this.raised.push(signal);
  }

  receive(signal: 'SIGTERM' | 'SIGINT'): void {
    this.listeners.get(signal)?.(signal);
  }
}
