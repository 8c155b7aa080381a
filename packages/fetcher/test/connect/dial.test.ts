import type { LookupAddress } from 'node:dns';
import { createServer } from 'node:http';
import type { LookupFunction } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { eventually, freePort, installLeakGuard } from '@fetchfleet/testing';
import {
  closeAfterEachTest,
  limits,
  listen,
  newFetcher,
  requestFor,
  serve,
  TRANSPORTS,
} from '../server.ts';
import { closeFarHostsAfterEachTest, startFarHost } from './far-host.ts';

closeAfterEachTest();
closeFarHostsAfterEachTest();
installLeakGuard();

/** A network that no machine has a route to, or that leads nowhere. */
const NOWHERE: LookupAddress = { address: 'fd00:1234::5', family: 6 };
const LOOPBACK: LookupAddress = { address: '127.0.0.1', family: 4 };

function addresses(...list: LookupAddress[]): LookupFunction {
  return (_name, _options, done) => done(null, list);
}

describe.each(TRANSPORTS)('connecting over %s', (transport) => {
  it.each([
    ['alone', [LOOPBACK]],
    ['before an address that leads nowhere', [LOOPBACK, NOWHERE]],
    ['behind an address that leads nowhere', [NOWHERE, LOOPBACK]],
    ['between two of them', [NOWHERE, LOOPBACK, { ...NOWHERE, address: 'fd00:1234::6' }]],
  ])('reaches an address that is far away, %s', async (_where, list) => {
    const far = await startFarHost();
    const fetcher = newFetcher(transport, { lookup: addresses(...list) });
    const fetched = fetcher.fetch(requestFor(`http://far.example:${far.port}/`));
    // Longer than an address is tried alone.
    setTimeout(() => far.accept(), 600);
    await expect(fetched).resolves.toMatchObject({ status: 200, body: Buffer.from('far') });
  });

  it('tries the next address at once when one refuses', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const lookup = addresses({ address: '127.0.0.2', family: 4 }, NOWHERE, LOOPBACK);
    const fetcher = newFetcher(transport, { lookup });
    const request = requestFor(`http://some.example:${server.port}/`);
    await expect(fetcher.fetch(request)).resolves.toMatchObject({ status: 200 });
  });

  it('names the error of the origin rather than that of a missing route', async () => {
    const fetcher = newFetcher(transport, { lookup: addresses(NOWHERE, LOOPBACK) });
    const request = requestFor(`http://some.example:${await freePort()}/`);
    await expect(fetcher.fetch(request)).resolves.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('stops connecting when the fetch has timed out', async () => {
    const far = await startFarHost();
    const fetcher = newFetcher(transport, { maxSockets: 1 });
    const late = requestFor(`http://127.0.0.1:${far.port}/`, { limits: limits({ timeoutMs: 50 }) });
    await expect(fetcher.fetch(late)).resolves.toMatchObject({ code: 'FETCH_TIMEOUT' });
    // The only place is free again, although the far host has not answered.
    const server = await serve((_request, response) => response.end('ok'));
    await expect(fetcher.fetch(requestFor(server.url))).resolves.toMatchObject({ status: 200 });
  });

  it('opens no more sockets than it may, and closes idle ones for other origins', async () => {
    const servers = await Promise.all(
      Array.from({ length: 20 }, async () =>
        listen(createServer((_request, response) => setTimeout(() => response.end('ok'), 5))),
      ),
    );
    const fetcher = newFetcher(transport, { maxSockets: 4 });
    const open = (): number => servers.reduce((sum, { sockets }) => sum + sockets.size, 0);
    const results = await Promise.all(
      servers.flatMap((server) => [0, 1, 2].map(async () => fetcher.fetch(requestFor(server.url)))),
    );
    expect(results.map((result) => result.kind)).toEqual(Array(60).fill('response'));
    await eventually(() => open() <= 4);
  });
});
