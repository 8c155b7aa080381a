import { installLeakGuard, startProcess } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';

installLeakGuard();

describe('fetchfleet-sample-api', () => {
  it('says where it listens, serves there, and ends by SIGTERM', async () => {
    const api = await startProcess('fetchfleet-sample-api', ['--port', '0', '--latency', '1ms']);
    const [, origin] = await api.waitForLine(/^sample API on (http:\/\/127\.0\.0\.1:\d+)$/);
    const response = await fetch(`${origin}/country/norway/status/confirmed`);
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    expect(await api.kill('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    expect(api.stderr).toBe('');
  });

  it('says so as JSON too, with the dials of its flags', async () => {
    const api = await startProcess('fetchfleet-sample-api', [
      '--port',
      '0',
      '--json',
      '--errors',
      '1',
      '--body-bytes',
      '300',
    ]);
    const [line] = await api.waitForLine(/^\{.*\}$/);
    const { origin } = JSON.parse(line) as { origin: string };
    expect((await fetch(`${origin}/country/norway/status/confirmed`)).status).toBe(500);
    const body = await (await fetch(`${origin}/country/norway/status/confirmed?error=0`)).text();
    expect(body).toHaveLength(300);
    await api.kill('SIGINT');
  });

  it('exits with 2 and names every wrong flag at once', async () => {
    const api = await startProcess('fetchfleet-sample-api', [
      '--port',
      '99999',
      '--latency',
      'soon',
      '--errors',
      '3',
      '--limit',
      '5',
      '--throttle',
      'x',
    ]);
    expect(await api.exit).toEqual({ code: 2, signal: null });
    expect(api.stdout).toBe('');
    expect(api.stderr.trim().split('\n')).toEqual([
      '--port: must be at most 65535, got "99999"',
      '--latency: must be a time like 250ms or 1.5s, got "soon"',
      '--errors: must be at most 1, got "3"',
      '--throttle: must be a number, got "x"',
      '--limit: must be a rate like 50/s, got "5"',
    ]);
  });

  it('exits with 2 at an unknown flag and with 0 after --help', async () => {
    const unknown = await startProcess('fetchfleet-sample-api', ['--bogus']);
    expect(await unknown.exit).toEqual({ code: 2, signal: null });
    expect(unknown.stderr).toContain("unknown option '--bogus'");

    const help = await startProcess('fetchfleet-sample-api', ['--help']);
    expect(await help.exit).toEqual({ code: 0, signal: null });
    expect(help.stdout).toMatch(/All\s+figures are synthetic/);
  });

  it('exits with 2 where the port is in use', async () => {
    const first = await startProcess('fetchfleet-sample-api', ['--port', '0']);
    const [, port = ''] = await first.waitForLine(/:(\d+)$/);
    const second = await startProcess('fetchfleet-sample-api', ['--port', port]);
    expect(await second.exit).toEqual({ code: 2, signal: null });
    expect(second.stderr).toContain(`cannot listen on 127.0.0.1:${port}: the port is in use`);
    await first.kill('SIGTERM');
  });
});
