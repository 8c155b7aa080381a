import { createServer } from 'node:net';
import { once } from 'node:events';
import { closeAfterEach, redisUrl } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Project } from '../cli-fixture.ts';

closeAfterEach();

describe('web', () => {
  it('serves the page of its fleet until it is interrupted', async () => {
    const project = await Project.create(redisUrl());
    const web = await project.start(['web', '--port', '0', '--read-only', '--json']);
    const [, address = ''] = await web.waitForLine(/"address": ?"([^"]+)"/u);
    const answer = await fetch(new URL('api/fleet', address));
    expect(await answer.json()).toMatchObject({
      fleet: project.env['FETCHFLEET_FLEET'],
      readOnly: true,
    });
    const { code } = await web.kill('SIGINT');
    expect(code).toBe(130);
    await expect(fetch(address)).rejects.toThrow(/fetch failed/u);
    await project.remove();
  });

  it('says why it cannot', async () => {
    const project = await Project.create(redisUrl());
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { readonly port: number };
    const web = await project.start(['web', '--port', String(port)]);
    await expect(web.exit).resolves.toMatchObject({ code: 2 });
    expect(web.stderr).toContain(`cannot listen on 127.0.0.1:${port}: the port is in use`);
    const others = await project.start(['web', '--port', '0', '--host', '0.0.0.0']);
    await expect(others.exit).resolves.toMatchObject({ code: 2 });
    expect(others.stderr).toContain('there is no token');
    taken.close();
    await project.remove();
  });
});
