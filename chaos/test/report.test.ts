import { describe, expect, it } from '@jest/globals';
import { FAULTS } from '../nemesis/catalogue.ts';
import { report } from '../report.ts';

const outcome = {
  seed: 7,
  faults: FAULTS.slice(0, 2),
  leftOut: new Map([['worker-stop', 'needs a worker']]),
  tally: new Map([['worker-kill', 3]]),
  breaches: [],
  wasInterrupted: false,
  batches: 4,
  requests: 100,
  folder: undefined,
};

describe('the report', () => {
  it('counts what was injected, and says what was left out', () => {
    expect(report(outcome)).toEqual([
      'fault       times',
      'worker-kill     3  SIGKILL of a worker',
      'worker-stop     -  SIGSTOP of a worker: left out, needs a worker',
      '',
      'seed 7: 3 faults, 4 batches, 100 requests',
      'every invariant held',
    ]);
  });

  it('names what was broken, with examples and the folder', () => {
    const breaches = ['a', 'b', 'c', 'd'].map((detail) => ({
      invariant: 'recovery',
      detail,
      atMs: 1_000,
    }));
    expect(report({ ...outcome, breaches, folder: '/logs' }).slice(-5)).toEqual([
      'broken 4 times: recovery',
      '  at 1 s: a',
      '  at 1 s: b',
      '  at 1 s: c',
      'trace and logs: /logs',
    ]);
  });
});
