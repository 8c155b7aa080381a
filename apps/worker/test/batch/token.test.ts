import type { FetchFailure } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { BatchToken, type TokenResult } from '../../src/batch/token.ts';

const DOWN = { kind: 'down', dueInMs: 0, reason: 'it is down' } as const;
const REFUSED = {
  kind: 'refused',
  result: { kind: 'failure', code: 'AUTH_FAILED', startedAt: 0 } as FetchFailure,
} as const;

/** A token server that gives `t1`, `t2`, … for so many seconds, unless it is told otherwise. */
function start(seconds = 100) {
  const state = {
    now: 1_000_000,
    requests: 0,
    next: undefined as TokenResult | undefined,
  };
  const token = new BatchToken(
    async () => {
      state.requests += 1;
      const given = { token: `t${state.requests}`, expiresInMs: seconds * 1_000 };
      return state.next ?? { kind: 'token', ...given };
    },
    () => state.now,
  );
  const headers = { accept: '*/*' };
  return {
    state,
    token,
    headers,
    sent: (): string | undefined => token.authorize(headers)['authorization'],
    /** Lets a renewal in the background end. */
    settled: async (): Promise<unknown> => Promise.all([token.ask(), Promise.resolve()]),
  };
}

describe('the token of a batch', () => {
  it('is asked for once, however many wait, and its headers are one object', async () => {
    const { token, headers, state, sent } = start();
    expect(token.isKnown).toBe(false);
    expect(sent()).toBeUndefined();
    const answers = await Promise.all([token.ask(), token.ask(), token.ask()]);
    expect(answers).toEqual(answers.map(() => ({ kind: 'token' })));
    expect(state.requests).toBe(1);
    expect(token.authorize(headers)).toEqual({ accept: '*/*', authorization: 'Bearer t1' });
    expect(token.authorize(headers)).toBe(token.authorize(headers));
  });

  it('is kept secret until it expires, also once there is another one', async () => {
    const { token, state, sent, settled } = start(100);
    expect(token.values).toEqual([]);
    await token.ask();
    state.now += 90_000;
    sent();
    await settled();
    expect(token.values).toEqual(['t2', 't1']);
    state.now += 10_000;
    expect(token.values).toEqual(['t2']);
  });

  it.each([
    [100, 89_999, 90_000],
    [30, 24_999, 25_000],
    [4, 999, 1_000],
    [1, 499, 500],
  ])('of %s s is renewed before it ends, while it goes on', async (seconds, before, at) => {
    const { token, state, sent, settled } = start(seconds);
    await token.ask();
    state.now += before;
    expect(sent()).toBe('Bearer t1');
    await settled();
    expect(state.requests).toBe(1);
    state.now += at - before;
    expect([sent(), sent()]).toEqual(['Bearer t1', 'Bearer t1']);
    await settled();
    expect(state.requests).toBe(2);
    expect(sent()).toBe('Bearer t2');
  });

  it('that has expired is asked for again', async () => {
    const { token, state } = start(10);
    await token.ask();
    state.now += 10_000;
    expect(token.isKnown).toBe(false);
    await token.ask();
    expect(state.requests).toBe(2);
  });

  it('is renewed once after a 401, unless it is fresh', async () => {
    const { token, state, sent } = start();
    await token.ask();
    const early = { status: 401, headers: {}, startedAt: state.now + 1 };
    state.now += 5_000;
    expect(token.isAtFault({ ...early, startedAt: state.now + 1 })).toBe(false);
    state.now += 5_000;
    expect([token.isAtFault(early), token.isAtFault(early)]).toEqual([true, true]);
    expect(token.isKnown).toBe(false);
    expect(sent()).toBe('Bearer t1'); // What has its start goes on with it.
    await token.ask();
    expect(state.requests).toBe(2);
    state.now += 20_000;
    // It was sent with the token before.
    expect(token.isAtFault(early)).toBe(true);
    expect(token.isKnown).toBe(true);
  });

  it('is renewed at once after a 401 that calls it invalid, if it has worked', async () => {
    const { token, state } = start();
    await token.ask();
    const challenge = 'Bearer realm="x", error="invalid_token"';
    const startedAt = state.now + 1;
    const invalid = { status: 401, headers: { 'www-authenticate': challenge }, startedAt };
    expect(token.isAtFault(invalid)).toBe(false);
    expect(token.isAtFault({ ...invalid, status: 404 })).toBe(false);
    expect(token.isAtFault(invalid)).toBe(true);
    await token.ask();
    expect(state.requests).toBe(2);
    const later = { ...invalid, startedAt: startedAt + 1 };
    expect(token.isAtFault(later)).toBe(false); // It has not worked yet.
  });

  it('is not asked for again at once after a failure, and later each time', async () => {
    const { token, state } = start();
    state.next = DOWN;
    const pauses: unknown[] = [];
    for (let i = 0; i < 3; i += 1) {
      const answer = await token.ask();
      await token.ask();
      pauses.push(answer);
      state.now += 'dueInMs' in answer ? answer.dueInMs : 0;
    }
    expect(state.requests).toBe(3);
    expect(pauses).toEqual(
      [
        [1_000, 0],
        [2_000, 1_000],
        [4_000, 3_000],
      ].map(([dueInMs, unreachableForMs]) => ({
        kind: 'unreachable',
        dueInMs,
        unreachableForMs,
        reason: 'it is down',
      })),
    );
    state.next = { ...DOWN, dueInMs: 30_000 };
    await expect(token.ask()).resolves.toMatchObject({ dueInMs: 30_000 });
    state.now += 30_000;
    state.next = REFUSED;
    await expect(token.ask()).resolves.toMatchObject({
      kind: 'lost',
      result: { code: 'AUTH_FAILED', startedAt: state.now },
    });
    state.now += 60_000;
    state.next = undefined;
    await expect(token.ask()).resolves.toEqual({ kind: 'token' });
  });
});
