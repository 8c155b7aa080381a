import { createServer } from 'node:http';
import type { LookupFunction } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { installLeakGuard } from '@fetchfleet/testing';
import {
  closeAfterEachTest,
  listen,
  newFetcher,
  requestFor,
  serve,
  TRANSPORTS,
} from '../server.ts';

closeAfterEachTest();
installLeakGuard();

const CLOSED = { allowPrivate: false, allow: [] };
const OPEN = { allowPrivate: true, allow: [] };

/** A resolver that returns the next of `answers` on every call, and repeats the last one. */
function resolverOf(...answers: string[][]): LookupFunction {
  let asked = 0;
  return (_hostname, options, callback) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (options.all === true) {
      callback(null, found);
    } else {
      callback(null, found[0]?.address ?? '', found[0]?.family);
    }
  };
}

async function countingServer() {
  let requests = 0;
  const server = await serve((_request, response) => {
    requests += 1;
    response.end('inside');
  });
  return { port: server.port, requests: () => requests, connections: () => server.connections };
}

describe.each(TRANSPORTS)('the address filter over %s', (transport) => {
  it.each([
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '0177.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '0.0.0.0',
    '10.0.0.1',
    '169.254.169.254',
    '[fe80::1]',
    '[fd00::1]',
  ])('refuses http://%s without a connection', async (host) => {
    const server = await countingServer();
    const url = `http://${host}:${server.port}/`;
    const result = await newFetcher(transport).fetch(requestFor(url, { network: CLOSED }));
    expect(result).toMatchObject({ outcome: 'address-refused', code: 'ADDRESS_REFUSED' });
    expect(result.kind === 'failure' && result.message).toMatch(/network\.allow/);
    expect(server.connections()).toBe(0);
  });

  it('refuses a name that resolves to a refused address, and names both', async () => {
    const fetcher = newFetcher(transport, { lookup: resolverOf(['10.1.2.3']) });
    const result = await fetcher.fetch(requestFor('http://innocent.example/', { network: CLOSED }));
    expect(result).toMatchObject({ outcome: 'address-refused', code: 'ADDRESS_REFUSED' });
    expect(result.kind === 'failure' && result.message).toMatch(
      /^innocent\.example \(10\.1\.2\.3\) is a private address/,
    );
  });

  it('refuses localhost by the address it resolves to', async () => {
    const server = await countingServer();
    const url = `http://localhost:${server.port}/`;
    const result = await newFetcher(transport).fetch(requestFor(url, { network: CLOSED }));
    expect(result).toMatchObject({ outcome: 'address-refused' });
    expect(server.connections()).toBe(0);
  });

  it('allows nothing that the worker itself does not allow', async () => {
    const server = await countingServer();
    const fetcher = newFetcher(transport, { allowPrivate: false });
    for (const network of [OPEN, { allowPrivate: false, allow: ['127.0.0.0/8'] }]) {
      const request = requestFor(`http://127.0.0.1:${server.port}/`, { network });
      await expect(fetcher.fetch(request)).resolves.toMatchObject({ outcome: 'address-refused' });
    }
    expect(server.connections()).toBe(0);
  });

  it('allows the addresses that a crawl lists, and no others', async () => {
    const server = await countingServer();
    const fetcher = newFetcher(transport);
    const url = `http://127.0.0.1:${server.port}/`;
    const listed = { allowPrivate: false, allow: ['127.0.0.1/32'] };
    const other = { allowPrivate: false, allow: ['127.0.0.2/32'] };
    const results = [
      await fetcher.fetch(requestFor(url, { network: listed })),
      await fetcher.fetch(requestFor(url, { network: other })),
    ];
    expect(results).toMatchObject([{ status: 200 }, { outcome: 'address-refused' }]);
  });

  it('does not use the pooled connection of one policy for another', async () => {
    const server = await countingServer();
    const fetcher = newFetcher(transport);
    const url = `http://127.0.0.1:${server.port}/`;
    const open = await fetcher.fetch(requestFor(url, { network: OPEN }));
    const closed = await fetcher.fetch(requestFor(url, { network: CLOSED }));
    expect([open, closed]).toMatchObject([{ status: 200 }, { outcome: 'address-refused' }]);
    expect(server.requests()).toBe(1);
  });

  it('shares connections among crawls with the same policy', async () => {
    const server = await countingServer();
    const fetcher = newFetcher(transport);
    for (let index = 0; index < 40; index += 1) {
      const network = { allowPrivate: true, allow: [] };
      await fetcher.fetch(requestFor(`http://127.0.0.1:${server.port}/`, { network }));
    }
    expect(server.connections()).toBe(1);
  });

  it('works with many policies, but keeps the connections of few', async () => {
    const server = await countingServer();
    const fetcher = newFetcher(transport);
    for (let index = 0; index < 40; index += 1) {
      const network = { allowPrivate: true, allow: [`10.0.0.${index}/32`] };
      const request = requestFor(`http://127.0.0.1:${server.port}/`, { network });
      await expect(fetcher.fetch(request)).resolves.toMatchObject({ status: 200 });
    }
    expect(server.connections()).toBe(40);
  });

  it('refuses a redirect to a refused address', async () => {
    const inside = createServer((_request, response) => response.end('inside'));
    const target = await listen(inside, '127.0.0.2');
    const server = await serve((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.2:${target.port}/` }).end();
    });
    const network = { allowPrivate: false, allow: ['127.0.0.1/32'] };
    const result = await newFetcher(transport).fetch(requestFor(server.url, { network }));
    expect(result).toMatchObject({ outcome: 'address-refused', code: 'ADDRESS_REFUSED' });
    expect(target.connections).toBe(0);
  });

  it('refuses a name that resolves to another address the second time', async () => {
    const inside = createServer((_request, response) => response.end('inside'));
    const target = await listen(inside, '127.0.0.2');
    const server = await serve((_request, response) => {
      response.setHeader('connection', 'close');
      response.end('outside');
    });
    const network = { allowPrivate: false, allow: ['127.0.0.1/32'] };
    const lookup = resolverOf(['127.0.0.1'], ['127.0.0.2']);
    const fetcher = newFetcher(transport, { lookup });
    const first = await fetcher.fetch(
      requestFor(`http://rebind.example:${server.port}/`, { network }),
    );
    const second = await fetcher.fetch(
      requestFor(`http://rebind.example:${target.port}/`, { network }),
    );
    expect([first, second]).toMatchObject([
      { status: 200, body: Buffer.from('outside') },
      { outcome: 'address-refused' },
    ]);
    expect(target.connections).toBe(0);
  });

  it('connects only to the allowed addresses of a name', async () => {
    const server = await countingServer();
    const lookup = resolverOf(['127.0.0.3', '::1', '127.0.0.1']);
    const network = { allowPrivate: false, allow: ['127.0.0.1/32'] };
    const fetcher = newFetcher(transport, { lookup });
    const request = requestFor(`http://mixed.example:${server.port}/`, { network });
    await expect(fetcher.fetch(request)).resolves.toMatchObject({ status: 200 });
    expect(server.requests()).toBe(1);
  });

  it('reports a name without an address', async () => {
    const fetcher = newFetcher(transport, { lookup: resolverOf([]) });
    const result = await fetcher.fetch(requestFor('http://empty.example/'));
    expect(result).toMatchObject({ outcome: 'network-error', code: 'ENOTFOUND' });
  });
});
