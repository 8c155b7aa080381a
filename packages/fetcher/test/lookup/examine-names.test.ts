import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { temporaryFolder } from '@fetchfleet/testing';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { examineNames } from '../../src/index.ts';
import { closeDnsAfterEachTest, startDns } from './dns-server.ts';

closeDnsAfterEachTest();

describe('the name servers of a machine', () => {
  it('are asked for a name that nobody has; which are silent is told', async () => {
    const answering = await startDns({});
    const broken = await startDns({ 'fetchfleet.invalid': 'broken' });
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const folder = await temporaryFolder('names');
    const resolvConf = join(folder.path, 'resolv.conf');
    await writeFile(resolvConf, 'search corp.example\noptions ndots:5\n');
    const servers = [
      ...answering.resolver.getServers(),
      ...broken.resolver.getServers(),
      `127.0.0.1:${silent.address().port}`,
    ];
    const found = await examineNames({ resolvConf, servers, timeoutMs: 250 });
    expect(found).toMatchObject({ search: ['corp.example'], ndots: 5 });
    expect(found.servers.map(({ failure }) => failure)).toEqual([
      undefined,
      undefined,
      'does not answer',
    ]);
    expect(answering.questions).toEqual(['fetchfleet.invalid A']);
    silent.close();
    await folder.remove();
  });
});
