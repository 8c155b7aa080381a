import type { Network } from '@fetchfleet/crawl';
import { expect, it } from '@jest/globals';
import { networkPermissions } from '../../src/batch/run-batch.ts';

const NETWORK = { allowPrivate: false, allow: [] };
const PROXY = 'http://${env:FETCHFLEET_SECRET_USER}@proxy.example:3128';

it.each<
  readonly [
    what: string,
    session: { readonly isPrivate: boolean },
    network: Network,
    env: Readonly<Record<string, string>>,
    expected: readonly string[],
  ]
>([
  ['all, in the Redis of a folder', { isPrivate: true }, NETWORK, {}, ['*', 'true']],
  ['nothing, in a shared Redis', { isPrivate: false }, NETWORK, {}, ['', 'false']],
  [
    'only what the crawl file names, in a shared Redis',
    { isPrivate: false },
    { ...NETWORK, proxy: [PROXY, 'https://b.example'], tls: { insecure: true } },
    {},
    ['proxy.example:3128,b.example:443', 'true'],
  ],
  [
    'the proxies of the environment',
    { isPrivate: false },
    { ...NETWORK, proxy: 'env' },
    {},
    ['env', 'false'],
  ],
  [
    'what the user says',
    { isPrivate: true },
    { ...NETWORK, proxy: [PROXY] },
    { FETCHFLEET_ALLOW_PROXY: 'a.example', FETCHFLEET_ALLOW_INSECURE_TLS: 'false' },
    ['a.example', 'false'],
  ],
])('workers of a run are allowed %s', (_what, session, network, env, expected) => {
  expect(Object.values(networkPermissions({ network }, session, env))).toEqual(expected);
});
