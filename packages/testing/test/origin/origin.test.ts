import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard, type Origin, startOrigin } from '../../src/index.ts';

let origin: Origin;
beforeEach(async () => {
  origin = await startOrigin();
});
afterEach(async () => {
  await origin.stop();
});
installLeakGuard();

describe('the origin', () => {
  it('echoes what arrived and remembers it', async () => {
    const response = await fetch(`${origin.url}/echo/a?b=1`, { headers: { 'x-test': 'yes' } });
    expect(await response.json()).toEqual({
      url: '/echo/a?b=1',
      path: '/echo/a',
      method: 'GET',
      times: 1,
    });
    expect(origin.arrivalsOf('/echo/a')).toHaveLength(1);
    expect(origin.arrivals[0]?.headers['x-test']).toBe('yes');
  });

  it('has no robots.txt unless a route gives one', async () => {
    expect((await fetch(`${origin.url}/robots.txt`)).status).toBe(404);
    origin.respond('/robots.txt', { body: 'User-agent: *\nDisallow: /a' });
    expect(await (await fetch(`${origin.url}/robots.txt`)).text()).toContain('Disallow: /a');
  });

  it('fails the first requests for a URL where it is told to', async () => {
    const url = `${origin.url}/x?failTimes=2&status=503&retryAfter=1`;
    const answers = [await fetch(url), await fetch(url), await fetch(url)];
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 200]);
    expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual(['1', '1', null]);
  });

  it('answers 429 where only a Retry-After is asked for', async () => {
    const response = await fetch(`${origin.url}/x?retryAfter=7`);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('7');
  });

  it('cuts the connection in mid-body', async () => {
    const response = await fetch(`${origin.url}/x?cut=1`);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow(/terminated/u);
  });

  it('counts what is in flight, and hangs until it is stopped', async () => {
    const hanging = [1, 2].map(async (n) => fetch(`${origin.url}/x?hang=1&n=${n}`));
    const settled = Promise.allSettled(hanging);
    await eventually(() => origin.inFlight === 2);
    await origin.stop();
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await eventually(() => origin.inFlight === 0);
    expect(origin.maxInFlight).toBe(2);
  });

  it('lets the latest matching route answer', async () => {
    origin.respond(/^\/a/u, { status: 201 });
    origin.respond('/a', (_, response) => void response.writeHead(202).end('two'));
    expect((await fetch(`${origin.url}/a?q=1`)).status).toBe(202);
    expect((await fetch(`${origin.url}/ab`)).status).toBe(201);
  });
});
