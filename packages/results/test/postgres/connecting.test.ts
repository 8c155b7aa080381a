import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { PostgresExport } from '@fetchfleet/results/postgres';
import { installLeakGuard } from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';

installLeakGuard();

it('connects no longer to a database that does not answer once it is stopped', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sink = new PostgresExport({
    url: `postgres://me@127.0.0.1:${port}/x`,
    table: 'fetches',
    env: {},
  });
  const starting = sink.start();
  const [socket] = await once(server, 'connection');
  await sink.stop();
  await expect(starting).rejects.toThrow('cannot be reached: the export was stopped');
  await expect(sink.start()).rejects.toThrow('the export was stopped');
  socket.destroy();
  server.close();
  await once(server, 'close');
});
