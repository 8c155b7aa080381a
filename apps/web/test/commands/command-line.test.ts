import { describe, expect, it } from '@jest/globals';
import { commandLineOf, commandRequest, isChange } from '../../src/commands/command-line.ts';

function lineOf(request: unknown): string {
  return commandLineOf(commandRequest.parse(request)).join(' ');
}

const VALID: readonly [object, string][] = [
  [{ command: 'pause', target: 'a-1' }, 'pause --json -- a-1'],
  [{ command: 'resume', target: 'a-1' }, 'resume --json -- a-1'],
  [{ command: 'cancel', target: 'a-1' }, 'cancel --json -- a-1'],
  [
    {
      command: 'retry',
      target: 'a-1',
      options: {
        outcome: ['timeout', 'http-error'],
        status: '500-599,404',
        origin: 'http://a.example',
      },
    },
    'retry --json --outcome=timeout --outcome=http-error --status=500-599,404 --origin=http://a.example -- a-1',
  ],
  [
    { command: 'prune', options: { olderThan: '30d', dryRun: true } },
    'prune --json --older-than=30d --dry-run --',
  ],
  [{ command: 'prune', target: 'a-1', options: { yes: true } }, 'prune --json --yes -- a-1'],
  [
    { command: 'start', crawlFile: 'url: x', options: { new: true } },
    'start --json --new -- crawl.yaml',
  ],
  [{ command: 'show', target: 'a-1' }, 'show --json -- a-1'],
  [
    { command: 'validate', crawlFile: 'url: x', options: { askWorkers: true } },
    'validate --json --ask-workers -- crawl.yaml',
  ],
  [
    { command: 'fetch-again', target: 'a-1', options: { index: '17' } },
    'show --again --json -- a-1 17',
  ],
  [
    {
      command: 'origins set',
      target: 'https://a.example',
      options: { rate: '5/s', burst: '2', concurrency: 'unlimited', forget: false },
    },
    'origins set --json --rate=5/s --burst=2 --concurrency=unlimited -- https://a.example',
  ],
  [
    { command: 'origins unset', target: 'https://a.example' },
    'origins unset --json -- https://a.example',
  ],
  [
    { command: 'origins try', target: 'https://a.example' },
    'origins try --json -- https://a.example',
  ],
  [
    {
      command: 'schedule add',
      crawlFile: 'url: x',
      options: { cron: '--id', tz: 'UTC', keep: '10' },
    },
    'schedule add --json --cron=--id --tz=UTC --keep=10 -- crawl.yaml',
  ],
  [{ command: 'drain', target: 'w-1' }, 'workers drain --json -- w-1'],
  [{ command: 'schedule run-now', target: 'nightly' }, 'schedule run-now --json -- nightly'],
];

const REFUSED: readonly [string, object][] = [
  ['another command', { command: 'run', target: 'a-1' }],
  ['a flag as a target', { command: 'pause', target: '--help' }],
  ['a path as a target', { command: 'pause', target: '../a' }],
  ['no target', { command: 'pause' }],
  ['a target too many', { command: 'validate', target: 'a-1', crawlFile: 'url: x' }],
  ['an option of another command', { command: 'pause', target: 'a-1', options: { new: true } }],
  ['an option of every object', { command: 'pause', target: 'a-1', options: { toString: 'x' } }],
  ['an outcome that is none', { command: 'retry', target: 'a-1', options: { outcome: 'ok' } }],
  ['a status that is none', { command: 'retry', target: 'a-1', options: { status: '5xx' } }],
  ['an origin with a path', { command: 'origins set', target: 'https://a.example/x' }],
  ['an origin of a file', { command: 'origins unset', target: 'file:///etc' }],
  [
    'a rate that is none',
    { command: 'origins set', target: 'https://a.example', options: { rate: '--x' } },
  ],
  [
    'two values for one option',
    { command: 'validate', crawlFile: '', options: { limit: ['1', '2'] } },
  ],
  ['a text for a switch', { command: 'start', crawlFile: '', options: { new: 'yes' } }],
  ['a switch for a text', { command: 'validate', crawlFile: '', options: { limit: true } }],
  ['a crawl file too many', { command: 'pause', target: 'a-1', crawlFile: 'url: x' }],
  ['no crawl file', { command: 'start' }],
  ['a missing option', { command: 'schedule add', crawlFile: '' }],
  ['lines in an option', { command: 'schedule add', crawlFile: '', options: { cron: 'a\nb' } }],
  ['a worker that is none', { command: 'drain', target: 'worker' }],
  ['another key', { command: 'pause', target: 'a-1', shell: true }],
  ['no object', { command: ['pause'] }],
  ['a crawl file that is too large', { command: 'start', crawlFile: 'x'.repeat(1_048_577) }],
];

describe('the command line of a request', () => {
  it.each(VALID)('%j', (request, line) => {
    expect(lineOf(request)).toBe(line);
  });

  it.each(REFUSED)('refuses %s', (_, request) => {
    expect(() => lineOf(request)).toThrow(/./u);
  });

  it('is no change where nothing is changed', () => {
    expect(isChange({ command: 'validate' })).toBe(false);
    expect(isChange({ command: 'show' })).toBe(false);
    expect(isChange({ command: 'prune', options: { dryRun: true } })).toBe(false);
    expect(isChange({ command: 'prune', options: { dryRun: false } })).toBe(true);
    expect(isChange({ command: 'fetch-again' })).toBe(true);
  });
});
