import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { countAttempts, Ledger } from '../../src/index.ts';
import { freshFleet, registration } from '../fixture.ts';

closeAfterEach();

describe('counts of attempts', () => {
  it('add up, and are in the status of the batch', async () => {
    const fleet = await freshFleet();
    const ledger = new Ledger(fleet.redis, fleet.keys);
    await ledger.register(registration('b', 1));
    expect(await ledger.status('b')).not.toHaveProperty('retriedAttempts');
    await countAttempts(fleet, 'b', { retried: 2, throttled: 0 });
    await countAttempts(fleet, 'b', { retried: 1, throttled: 5 });
    expect(await ledger.status('b')).toMatchObject({ retriedAttempts: 3, throttledAttempts: 5 });
  });

  it('bring back no batch that is removed', async () => {
    const fleet = await freshFleet();
    await countAttempts(fleet, 'gone', { retried: 1, throttled: 1 });
    expect(await fleet.redis.exists(fleet.keys.batch('gone'))).toBe(0);
  });

  it('leave a batch alone whose fields are packed', async () => {
    const fleet = await freshFleet();
    const ledger = new Ledger(fleet.redis, fleet.keys);
    await ledger.register(registration('b', 1));
    await countAttempts(fleet, 'b', { retried: 2, throttled: 0 });
    await ledger.expanded('b');
    await ledger.settle('b', [{ index: 0, outcome: 'ok', durationMs: 1, bytes: 1 }]);
    await eventually(async () => (await fleet.redis.exists(fleet.keys.packed('b'))) === 1);
    await countAttempts(fleet, 'b', { retried: 1, throttled: 0 });
    expect(await ledger.status('b')).toMatchObject({ retriedAttempts: 2 });
  });
});
