import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { isLoggedOut, logIn, read } from '../../page/src/api/client.ts';

function answers(status: number, document: unknown): void {
  jest.spyOn(globalThis, 'fetch').mockResolvedValue(Response.json(document, { status }));
}

describe('a client of the page', () => {
  beforeEach(() => {
    isLoggedOut.value = false;
  });

  it('is logged out by whatever asks for the token, until that was right', async () => {
    answers(401, { error: 'log in with the token first', code: 'LOGIN_REQUIRED' });
    await expect(read('workers')).rejects.toThrow('log in with the token first');
    expect(isLoggedOut.value).toBe(true);
    answers(401, { error: 'that is not the token', code: 'TOKEN_WRONG' });
    await expect(logIn('x')).rejects.toThrow('that is not the token');
    expect(isLoggedOut.value).toBe(true);
    answers(200, { ok: true });
    await logIn('y');
    expect(isLoggedOut.value).toBe(false);
  });

  it('is not logged out by another error', async () => {
    answers(503, { error: 'Redis does not answer', code: 'REDIS_UNREACHABLE' });
    await expect(read('workers')).rejects.toMatchObject({
      code: 'REDIS_UNREACHABLE',
      status: 503,
    });
    expect(isLoggedOut.value).toBe(false);
  });
});
