import { expect, it } from '@jest/globals';
import {
  isRefusedByAll,
  permissionsOfNone,
  secretsOfNone,
} from '../../src/crawl/warn-of-workers.ts';

const open = { allowPrivate: true, allow: [] };
const closed = { allowPrivate: false, allow: [] };
const listed = { allowPrivate: false, allow: ['169.254.169.254/32'] };
const worker = (allowPrivate?: boolean, state: 'idle' | 'gone' = 'idle') => ({
  state,
  allowPrivate,
});

it.each([
  ['no worker runs', open, [], false],
  ['one worker allows it', open, [worker(false), worker(true)], false],
  ['a worker of version 0.1 does not tell', open, [worker(false), worker()], false],
  ['no worker allows it', open, [worker(false), worker(false)], true],
  ['the one that allows it is gone', open, [worker(false), worker(true, 'gone')], true],
  ['no worker allows what the crawl lists', listed, [worker(false)], true],
  ['the crawl needs no private address', closed, [worker(false)], false],
] as const)(
  'is told whether workers refuse a crawl where %s',
  (_case, network, workers, expected) => {
    expect(isRefusedByAll({ network }, workers)).toBe(expected);
  },
);

const sender = (secrets?: readonly string[], state: 'idle' | 'gone' = 'idle') => ({
  state,
  secrets,
});

it.each([
  ['no worker runs', [], []],
  ['one worker may send both', [sender(['A']), sender(['*'])], []],
  ['every worker may send one of them', [sender(['A']), sender(['B'])], ['B']],
  ['the one that may is gone', [sender(['A', 'B'], 'gone'), sender([])], ['A', 'B']],
  ['one is bound to another origin', [sender(['A', 'B@https://b.example'])], ['B']],
  ['a worker of version 0.1 does not tell', [sender([]), sender()], []],
  ['a worker tells what nobody can read', [sender(['A=1'])], []],
] as const)('is told which secrets nobody sends where %s', (_case, workers, expected) => {
  const plan = { url: 'https://a.example/', params: [], headers: { x: '${env:A} ${env:B}' } };
  expect(secretsOfNone(plan, workers)).toEqual(expected);
  expect(secretsOfNone({ ...plan, headers: {} }, workers)).toEqual([]);
});

const permitting = (allowProxy?: string[], allowInsecureTls?: boolean) => ({
  state: 'idle' as const,
  allowProxy,
  allowInsecureTls,
});
const TWO_PROXIES = { ...closed, proxy: ['http://a.example', 'http://${env:S}@b.example:3128'] };
const INSECURE = { ...closed, tls: { insecure: true } } as const;
const TLS_FLAG = '--allow-insecure-tls (FETCHFLEET_ALLOW_INSECURE_TLS=true)';

it.each([
  ['the crawl needs none', closed, [permitting([], false)], []],
  ['no worker runs', TWO_PROXIES, [], []],
  ['a worker of version 0.1 does not tell', TWO_PROXIES, [permitting(['x']), permitting()], []],
  [
    'the best worker lacks one',
    TWO_PROXIES,
    [permitting([]), permitting(['a.example'])],
    ['--allow-proxy b.example:3128 (FETCHFLEET_ALLOW_PROXY)'],
  ],
  ['one worker allows all', TWO_PROXIES, [permitting([]), permitting(['*'])], []],
  [
    'no worker allows those of its environment',
    { ...closed, proxy: 'env' },
    [permitting(['a.example'])],
    ['--allow-proxy env (FETCHFLEET_ALLOW_PROXY)'],
  ],
  ['all workers check certificates', INSECURE, [permitting([], false)], [TLS_FLAG]],
  ['a worker does not', INSECURE, [permitting([], true)], []],
] as const)('is told which permissions nobody has where %s', (_case, network, workers, flags) => {
  expect(permissionsOfNone({ network }, workers)).toEqual(flags);
});
