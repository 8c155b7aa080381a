import { describe, expect, it } from '@jest/globals';
import {
  findingsOf,
  ok,
  problem,
  verdictOf,
  warning,
} from '../../../src/commands/doctor/finding.ts';
import { versionFindings } from '../../../src/commands/doctor/fleet-findings.ts';
import { machineFindings } from '../../../src/commands/doctor/machine-findings.ts';
import { nameFindings } from '../../../src/commands/doctor/network-findings.ts';
import { sectionLines, summaryOf } from '../../../src/commands/doctor/screen.ts';

const ROOMY = {
  descriptors: 65_536,
  ports: 28_232,
  freeProcesses: Infinity,
  memoryBytes: 16e9,
  isMemoryLimited: false,
};

describe('the machine', () => {
  it.each([
    ['nothing', {}, 50, []],
    ['unknown limits', { descriptors: Infinity, ports: Infinity }, 50, []],
    ['few open files', { descriptors: 256 }, 400, [/^the limit of 256 .*136 .*not 400: raise it/u]],
    ['few ports', { ports: 64 }, 50, [/^there are 64 ports .*net\.ipv4/u]],
    ['few processes', { freeProcesses: 3 }, 50, [/^only 3 more .*pids_limit/u]],
    [
      'little memory',
      { memoryBytes: 5e8, isMemoryLimited: true },
      50,
      [/^500 MB for this group .*844 MB/u],
    ],
  ])('lacks %s', (_what, facts, concurrency, texts) => {
    const found = machineFindings({ ...ROOMY, ...facts }, concurrency);
    expect(found).toHaveLength(4);
    const warnings = found.filter(({ verdict }) => verdict === 'warning').map(({ text }) => text);
    expect(warnings).toEqual(texts.map((text) => expect.stringMatching(text)));
  });
});

function server(address: string, answerMs: number, failure?: string) {
  return { address, answerMs, failure };
}

describe('names', () => {
  it.each([
    [[], 'problem', /there is no name server.*resolv\.conf/u],
    [
      [server('10.0.0.1', 2_000, 'does not answer')],
      'problem',
      /^10\.0\.0\.1 does not answer: no/u,
    ],
    [
      [server('10.0.0.1', 2_000, 'does not answer'), server('10.0.0.2', 1)],
      'warning',
      /take the silent one out/u,
    ],
    [[server('10.0.0.2', 900)], 'warning', /answers in 900 ms: use a nearer/u],
    [[server('10.0.0.2', 1)], 'ok', /^10\.0\.0\.2 answers in 1 ms$/u],
  ])('of servers %j: %s', (servers, verdict, text) => {
    const [found] = nameFindings({ servers, search: [], ndots: 1 });
    expect(found).toEqual({ check: 'DNS', verdict, text: expect.stringMatching(text) });
  });

  it.each([
    [[], 5, 'ok', /^no domains$/u],
    [['corp.example'], 1, 'ok', /^names without a dot are looked for below corp\.example$/u],
    [['a.svc', 'svc'], 5, 'warning', /fewer than 5 dots.*a\.svc, svc: set ndots to 1/u],
  ])('searched in %j with ndots %d: %s', (search, ndots, verdict, text) => {
    const [, found] = nameFindings({ servers: [], search, ndots });
    expect(found).toEqual({ check: 'search', verdict, text: expect.stringMatching(text) });
  });
});

describe('versions', () => {
  it.each([
    [[], [/^ok/u]],
    [['1.2.0', '1.2.0'], [/^ok/u]],
    [
      ['1.10.0'],
      [/warning: this program is version 1\.2\.0, and workers are 1\.10\.0: update it$/u],
    ],
    [['1.2.0-rc.1'], [/which may not read what it enqueues: replace the workers first$/u]],
    [
      ['1.2.0', '1.1.9'],
      [/versions 1\.1\.9, 1\.2\.0 run side by side/u, /replace the workers first/u],
    ],
  ])('of workers %j beside 1.2.0', (workers, wanted) => {
    const found = versionFindings(workers, '1.2.0');
    expect(found.map(({ verdict, text }) => `${verdict}: ${text}`)).toEqual(
      wanted.map((text) => expect.stringMatching(text)),
    );
  });
});

describe('findings', () => {
  it('a check that fails or hangs is a problem, and the others go on', async () => {
    const failing = await findingsOf('x', async () => {
      throw new Error('no');
    });
    expect(failing).toEqual([problem('x', 'no')]);
    const { promise } = Promise.withResolvers<never>();
    const hanging = await findingsOf('x', async () => promise, { timeoutMs: 1 });
    expect(hanging).toEqual([problem('x', 'there was no answer for 0.001 s')]);
  });

  it('are as bad as the worst of them', () => {
    expect(verdictOf([])).toBe('ok');
    expect(verdictOf([ok('a', ''), warning('b', '')])).toBe('warning');
    expect(verdictOf([problem('a', ''), warning('b', '')])).toBe('problem');
    expect(summaryOf([problem('a', ''), warning('b', ''), warning('b', '')])).toBe(
      '1 problem and 2 warnings',
    );
    expect(summaryOf([ok('a', '')])).toBe('everything is ok');
  });

  it('are aligned, and broken at the width of the screen', () => {
    const section = {
      name: 'x',
      title: 'X',
      findings: [ok('short', 'fine'), warning('open files', 'one two three four')],
    };
    const plain = (width: number): string[] =>
      sectionLines(section, width).map((line) =>
        typeof line === 'string'
          ? line
          : line.map((span) => (typeof span === 'string' ? span : span[1])).join(''),
      );
    expect(plain(45)).toEqual([
      'X',
      '  ok       short         fine',
      '  warning  open files    one two three four',
    ]);
    expect(plain(10).at(-1)).toBe('  warning  open files    one two three four');
    expect(plain(Infinity)).toHaveLength(3);
  });
});
