import { parseDurationMs, parseRate } from '@fetchfleet/crawl';
import { parseRedisUrl, redactRedisUrl, RedisUrlError } from '@fetchfleet/fleet';
import * as fc from 'fast-check';
import { parseQuantity, parseSize } from '../../packages/crawl/src/model/quantity.ts';
import { textNear } from '../mutations.ts';
import { attempt, holds, type Target } from '../target.ts';

const QUANTITIES = [
  '500ms',
  '1.5m',
  '30 s',
  '2h',
  '30d',
  '64KiB',
  '1.25 MB',
  '512B',
  '20/s',
  '9/h',
];
const URLS = [
  'redis://HOST:6379/2',
  'rediss://user:p%40ss@redis.example:6380',
  'unix:///run/redis.sock?db=3',
  'redis://:PASS@[::1]:6379/0?family=6',
];
/** Must not be in anything that is printed. */
const PASSWORD = 'hunter2hunter2';

interface Input {
  readonly quantity: string;
  readonly redisUrl: string;
}

export const quantitiesTarget: Target = {
  name: 'quantities',
  title: 'durations, sizes, rates and addresses of Redis: what was meant, or nothing',
  cpuMs: 1_000,
  open: async () => ({
    arbitrary: fc.record<Input>({
      quantity: textNear(QUANTITIES, ['ms', 's', ' ', '.', '0', '9'.repeat(20), 'e3', '/', '-']),
      redisUrl: textNear(URLS, [':', '@', '/', '?', '#', `:${PASSWORD}@`, PASSWORD, 'db=', '%']),
    }),
    check,
  }),
};

function check({ quantity, redisUrl }: Input): void {
  for (const parse of [parseDurationMs, parseSize, parseTwo]) {
    const value = parse(quantity);
    const isCount = value === undefined || (Number.isFinite(value) && value >= 0);
    holds(isCount && value !== undefined ? Number.isInteger(value) : isCount, 'a count', value);
  }
  const rate = parseRate(quantity);
  holds(rate === undefined || (rate.count >= 1 && rate.perMs >= 1_000), 'a rate binds', rate);
  const address = attempt(() => parseRedisUrl(redisUrl), [RedisUrlError]);
  if ('error' in address) {
    // A scheme that is not known is named, whatever it is.
    const isScheme = redisUrl.split(':', 1)[0]?.includes(PASSWORD) === true;
    const isShown = address.error.message.includes(PASSWORD);
    holds(isScheme || !isShown, 'no password in a message', redisUrl);
    return;
  }
  const { value } = address;
  const { password } = value;
  const hosts =
    'cluster' in value ? value.cluster : 'sentinels' in value ? value.sentinels : [value];
  for (const { port } of hosts) {
    holds(port === undefined || (port >= 0 && port <= 65_535), 'a port is one', port);
  }
  const db = 'db' in value ? value.db : 0;
  holds(Number.isSafeInteger(db) && db >= 0, 'a database is a count', db);
  if (password?.includes(PASSWORD) === true) {
    holds(!redactRedisUrl(redisUrl).includes(PASSWORD), 'no password is shown', redisUrl);
  }
}

function parseTwo(text: string): number | undefined {
  return parseQuantity(text, { s: 1, constructor: 2 });
}
