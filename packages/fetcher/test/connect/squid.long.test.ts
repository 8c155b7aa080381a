import https from 'node:https';
import { closeAfterEach, eventually, selfSigned, startSquid } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { FetchNetwork } from '../../src/index.ts';
import {
  closeAfterEachTest,
  listen,
  newFetcher,
  requestFor,
  serve,
  TRANSPORTS,
} from '../server.ts';

closeAfterEachTest();
closeAfterEach();

const CERTIFICATE = selfSigned();

describe.each(TRANSPORTS)('squid over %s', (transport) => {
  it('is asked for http URLs as a whole, and keeps those connections', async () => {
    const squid = await startSquid();
    const server = await serve((request, response) => response.end(request.url));
    const proxy = { origin: squid.url, isTrusted: true };
    const network: FetchNetwork = {
      allowPrivate: true,
      allow: [],
      routes: { http: [proxy], https: [proxy], bypass: [] },
    };
    const fetcher = newFetcher(transport);
    for (const path of ['/1', '/2', '/3']) {
      const result = await fetcher.fetch(requestFor(`${server.url}${path}`, { network }));
      expect(result).toMatchObject({ status: 200, body: Buffer.from(path) });
    }
    await eventually(() => expect(squid.log.match(/GET http:/g)).toHaveLength(3));
    const ports = [...squid.log.matchAll(/^(\d+) GET/gm)].map(([, port]) => port);
    expect(new Set(ports).size).toBe(1);
  });

  it('opens tunnels to port 443 only, and another port is not the fault of the origin', async () => {
    const squid = await startSquid();
    const server = await listen(https.createServer(CERTIFICATE, (_, response) => response.end()));
    const proxy = { origin: squid.url, isTrusted: true };
    const network: FetchNetwork = {
      allowPrivate: true,
      allow: [],
      routes: { http: [], https: [proxy], bypass: [] },
    };
    const fetcher = newFetcher(transport);
    const url = `https://127.0.0.1:${server.port}/`;
    await expect(fetcher.fetch(requestFor(url, { network }))).resolves.toMatchObject({
      outcome: 'network-error',
      code: 'PROXY_REFUSED',
      message: `the proxy 127.0.0.1:${squid.port} answered 403 to CONNECT 127.0.0.1:${server.port}`,
    });
    expect(server.connections).toBe(0);
  });
});
