import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@fetchfleet/testing';
import { HttpEndpoint, type HttpEndpointOptions } from '../../src/http/http-endpoint.ts';
import { SettingsError } from '../../src/process/settings.ts';

const started: HttpEndpoint[] = [];

async function stopStarted(): Promise<void> {
  await Promise.all(started.splice(0).map(async (endpoint) => endpoint.stop()));
}

afterEach(stopStarted);

async function start(options: Partial<HttpEndpointOptions> = {}): Promise<string> {
  const endpoint = new HttpEndpoint({
    port: 0,
    metrics: () =>
      Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'x_total 1\n' }),
    health: () => ({ status: 'ok' }),
    ready: () => ({ status: 'ok' }),
    ...options,
  });
  started.push(endpoint);
  return `http://127.0.0.1:${await endpoint.start()}`;
}

describe('HttpEndpoint', () => {
  it('serves the page of metrics with its content type', async () => {
    const response = await fetch(`${await start()}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(await response.text()).toBe('x_total 1\n');
  });

  it.each(['/healthz', '/readyz?verbose=1'])('answers %s with 200 and the status', async (path) => {
    const response = await fetch(`${await start()}${path}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok' });
  });

  it('serves a monitor while others open connections and send half a request', async () => {
    const origin = await start();
    const { port } = new URL(origin);
    const sockets = Array.from({ length: 500 }, () => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume().write('GET /metrics HTTP/1.1\r\nhost: ');
      return socket;
    });
    let open = sockets.length;
    for (const socket of sockets) {
      socket.once('close', () => {
        open -= 1;
      });
    }
    const response = await fetch(`${origin}/healthz`);
    expect(response.status).toBe(200);
    await eventually(() => expect(open).toBeLessThanOrEqual(16));
    // Those that are left are closed when their headers have not come in time.
    await eventually(() => expect(open).toBe(0));
  });

  it('answers 503 with the reason when it is not ready, though it is alive', async () => {
    const origin = await start({
      ready: () => Promise.resolve({ status: 'fail', reason: 'Redis is away' }),
    });
    const response = await fetch(`${origin}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'fail', reason: 'Redis is away' });
    expect((await fetch(`${origin}/healthz`)).status).toBe(200);
  });

  it.each(['/metrics', '/healthz'])('answers 503 when %s throws, and goes on', async (path) => {
    const origin = await start({
      health: () => Promise.reject(new Error('broken')),
      metrics: () => Promise.reject(new Error('broken')),
    });
    const response = await fetch(`${origin}${path}`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'fail', reason: 'broken' });
    expect((await fetch(`${origin}/readyz`)).status).toBe(200);
  });

  it('answers HEAD without a body, 404 elsewhere and 405 to other methods', async () => {
    const origin = await start();
    const head = await fetch(`${origin}/metrics`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      '10',
      '',
    ]);
    expect((await fetch(`${origin}/`)).status).toBe(404);
    const posted = await fetch(`${origin}/metrics`, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('says that the port is in use, as a settings error', async () => {
    const port = Number(new URL(await start()).port);
    const second = start({ port });
    await expect(second).rejects.toBeInstanceOf(SettingsError);
    await expect(second).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: the port is in use`);
  });

  it('starts twice as one, stops before and after as nothing, and starts again', async () => {
    await start();
    const [endpoint] = started;
    if (endpoint === undefined) {
      throw new Error('not started');
    }
    expect(await endpoint.start()).toBe(await endpoint.start());
    await endpoint.stop();
    await endpoint.stop();
    const port = await endpoint.start();
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });

  it('stops although a client never finishes its request', async () => {
    const { port } = new URL(await start());
    const socket = connect(Number(port), '127.0.0.1');
    const closed = new Promise((resolve) => {
      socket.once('close', resolve).on('error', () => undefined);
    });
    await new Promise<void>((resolve) => {
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n', () => resolve());
    });
    await stopStarted();
    await expect(closed).resolves.toBe(false);
  });
});
