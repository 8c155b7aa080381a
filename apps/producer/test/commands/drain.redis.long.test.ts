import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { FleetProject } from '../fleet-fixture.ts';

closeAfterEach();

describe('workers drain', () => {
  it('lets one worker end, and knows no other', async () => {
    const fleet = await FleetProject.create();
    const worker = await fleet.worker();
    const { document } = await fleet.json('workers');
    const [{ id }] = document.workers;
    const unknown = await fleet.json('workers', 'drain', `${id}x`);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain(`did you mean ${id}?`);
    const { stdout } = await fleet.project.call(['__complete', '--', 'workers', 'drain', '']);
    expect(stdout).toMatch(new RegExp(`^values\n${id}\t(?:idle|working)\n$`, 'u'));
    const drained = await fleet.json('workers', 'drain', id);
    expect(drained).toMatchObject({ code: 0, document: { worker: id } });
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(worker.stderr).toContain('somebody has asked this worker to drain');
    expect((await fleet.json('workers')).document).toEqual({ workers: [] });
    await fleet.remove();
  });
});
