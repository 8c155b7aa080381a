import { fleetKeys, ScheduleStore } from '@fetchfleet/fleet';
import { eventually, installLeakGuard, type OtlpSink, startOtlpSink } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crawlFile } from './cli-fixture.ts';
import { FleetProject } from './fleet-fixture.ts';

let fleet: FleetProject;
let sink: OtlpSink;
beforeEach(async () => {
  fleet = await FleetProject.create();
  sink = await startOtlpSink();
});
afterEach(async () => {
  await fleet.remove();
  await sink.close();
});
installLeakGuard();

/** Soon: the default is 5 s. */
const traced = (protocol: string): Record<string, string> => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
  OTEL_EXPORTER_OTLP_HEADERS: 'x-key=sesame',
  OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  OTEL_BSP_SCHEDULE_DELAY: '100',
});

async function startWorker(env: Record<string, string>, ...flags: string[]) {
  const args = ['--allow-private', '--results', fleet.project.path('results')];
  const worker = await fleet.project.start(
    [...args, '--metrics-port', '0', '--log-level', 'debug', ...flags],
    { command: 'fetchfleet-worker', env },
  );
  await worker.waitForLine(/worker ready/u);
  return worker;
}

const spansOf = (name: string) => sink.spans.filter((span) => span.name === name);
const logLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

describe('traces', () => {
  it.each(['http/protobuf', 'http/json'])(
    'have a span for enqueueing, each slice and the batch, over %s',
    async (protocol) => {
      const env = traced(protocol);
      await fleet.project.write('c.yaml', crawlFile(fleet.origin.url, 120));
      const worker = await startWorker(env);
      const { code, stdout } = await fleet.project.run(['start', 'c.yaml', '--wait'], env);
      expect(code).toBe(0);
      const batch = stdout.trim();
      await eventually(() => spansOf('batch').length === 1);
      await worker.kill('SIGTERM');
      const [enqueued] = spansOf('enqueue batch');
      expect(enqueued).toMatchObject({
        service: 'fetchfleet',
        kind: 4,
        parentId: '',
        attributes: { 'fetchfleet.batch.id': batch, 'fetchfleet.batch.total': 120 },
      });
      const slices = spansOf('process slice');
      expect(slices.length).toBeGreaterThanOrEqual(3);
      for (const slice of slices) {
        expect(slice).toMatchObject({
          service: 'fetchfleet-worker',
          kind: 5,
          parentId: '',
          links: [enqueued?.spanId],
          status: 0,
        });
        expect(slice.traceId).not.toBe(enqueued?.traceId);
        expect(slice.attributes).toMatchObject({
          'fetchfleet.batch.id': batch,
          'fetchfleet.slice.result': 'completed',
          'server.address': '127.0.0.1',
          'server.port': Number(new URL(fleet.origin.url).port),
          'url.scheme': 'http',
        });
      }
      const fetches = slices.map(({ attributes }) =>
        Number(attributes['fetchfleet.slice.fetches']),
      );
      expect(fetches.reduce((sum, count) => sum + count, 0)).toBe(120);
      expect(spansOf('batch')[0]).toMatchObject({
        parentId: enqueued?.spanId,
        traceId: enqueued?.traceId,
        attributes: { 'fetchfleet.batch.ok': 120, 'fetchfleet.batch.failed': 0 },
      });
      const [{ resource } = { resource: {} }] = slices;
      expect(resource).toMatchObject({ 'deployment.environment.name': 'test' });
      // Command lines may hold passwords.
      expect(Object.keys(resource).filter((name) => name.startsWith('process.'))).toEqual([]);
      expect(sink.headers['x-key']).toBe('sesame');
      expect(JSON.stringify(sink.spans)).not.toContain('sesame');
      const lines = logLines(worker.stderr);
      const [slice] = slices;
      expect(lines).toContainEqual(
        expect.objectContaining({
          msg: 'fetch settled',
          slice: slice?.attributes['fetchfleet.slice.id'],
          trace_id: slice?.traceId,
          span_id: slice?.spanId,
        }),
      );
      expect(lines).toContainEqual(
        expect.objectContaining({ msg: 'batch finished', trace_id: enqueued?.traceId }),
      );
      expect(worker.stderr.includes('sesame')).toBe(false);
    },
  );

  it('tell retries and failures as events, without credentials', async () => {
    const env = traced('http/json');
    fleet.origin.respond(/\/echo\//u, { status: 500 });
    const text = crawlFile(fleet.origin.url, 2, 'retry: { attempts: 2, backoff: 1ms }');
    await fleet.project.write('c.yaml', text);
    const { code } = await fleet.project.run(
      ['run', 'c.yaml', '--workers', '1', '--transport', 'native'],
      env,
    );
    expect(code).toBe(1);
    const events = spansOf('process slice').flatMap((span) => span.events);
    const retried = events.filter(({ name }) => name === 'fetch retried');
    expect(retried.map(({ attributes }) => attributes['fetchfleet.fetch.index'])).toEqual(
      expect.arrayContaining([0, 1]),
    );
    expect(retried[0]?.attributes).toMatchObject({
      'fetchfleet.fetch.attempts': 1,
      'fetchfleet.fetch.reason': '500',
    });
    const failed = events.filter(({ name }) => name === 'fetch failed');
    expect(failed).toHaveLength(2);
    expect(failed[0]?.attributes).toMatchObject({
      'fetchfleet.fetch.outcome': 'http-error',
      'fetchfleet.fetch.attempts': 2,
      'http.response.status_code': 500,
      'error.type': 'HTTP_500',
      'url.full': expect.stringContaining('/echo/'),
    });
    expect(spansOf('batch')[0]?.attributes).toMatchObject({ 'fetchfleet.batch.failed': 2 });
  });

  it('lead from a slice to the run of its schedule, and from there to what has set it', async () => {
    const env = traced('http/json');
    await fleet.project.write('c.yaml', crawlFile(fleet.origin.url, 3));
    const worker = await startWorker(env);
    const set = ['schedule', 'add', 'c.yaml', '--id', 'daily', '--cron', '0 6 1 1 *', '-q'];
    expect(await fleet.project.run(set, env)).toMatchObject({ code: 0 });
    expect(await fleet.project.run(['schedule', 'run-now', 'daily'])).toMatchObject({ code: 0 });
    await eventually(() => spansOf('batch').length === 1);
    await worker.kill('SIGTERM');
    const [added] = spansOf('set schedule');
    const [run] = spansOf('run schedule');
    const [enqueued] = spansOf('enqueue batch');
    const [slice] = spansOf('process slice');
    expect(run).toMatchObject({ links: [added?.spanId], parentId: '' });
    expect(run?.attributes).toMatchObject({ 'fetchfleet.schedule.id': 'daily' });
    expect(enqueued).toMatchObject({ parentId: run?.spanId, traceId: run?.traceId });
    expect(slice).toMatchObject({ links: [enqueued?.spanId, run?.spanId] });
    expect(logLines(worker.stderr)).toContainEqual(
      expect.objectContaining({ msg: 'scheduled batch started', trace_id: run?.traceId }),
    );
    const keys = fleetKeys(fleet.name);
    expect(await new ScheduleStore(fleet.redis, keys).trace('daily')).toHaveLength(55);
  });

  it('link to the span of whoever has called a command', async () => {
    const caller = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await fleet.project.write('c.yaml', crawlFile(fleet.origin.url, 3));
    const started = await fleet.project.run(['start', 'c.yaml'], { TRACEPARENT: caller });
    const worker = await startWorker(traced('http/json'));
    await eventually(() => spansOf('batch').length === 1);
    await worker.kill('SIGTERM');
    expect(spansOf('process slice')[0]?.links).toEqual(['b7ad6b7169203331']);
    expect(await fleet.ledger.trace(started.stdout.trim())).toBe(caller);
    const wrong = await fleet.project.run(['start', 'c.yaml', '--new'], { TRACEPARENT: 'sesame' });
    expect(await fleet.ledger.trace(wrong.stdout.trim())).toBeUndefined();
  });

  it('cost nothing where their endpoint is silent, refuses or is away', async () => {
    sink.answer = 'silence';
    const env = traced('http/json');
    await fleet.project.write('c.yaml', crawlFile(fleet.origin.url, 200));
    const worker = await startWorker(env);
    const { code } = await fleet.project.run(['start', 'c.yaml', '--wait'], env);
    expect(code).toBe(0);
    const stopping = performance.now();
    await worker.kill('SIGTERM');
    expect(performance.now() - stopping).toBeLessThan(5_000); // an export may take 10 s
    const away = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
    const second = await startWorker({ ...away, OTEL_EXPORTER_OTLP_TIMEOUT: '200' });
    const { stderr } = await fleet.project.run(['start', 'c.yaml', '--new', '--wait'], away);
    await second.waitForLine(/spans are not delivered to the endpoint of OTEL_EXPORTER/u);
    await second.kill('SIGTERM');
    expect(second.stderr.match(/spans are not delivered/gu)).toHaveLength(1);
    expect(second.stderr + stderr).not.toContain('sesame');
  });

  it('load nothing of OpenTelemetry unless they are asked for', async () => {
    const hook =
      "import { registerHooks } from 'node:module';" +
      'registerHooks({ resolve: (name, context, next) => {' +
      "if (name.startsWith('@opentelemetry/')) process.stderr.write('LOADED ' + name + '\\n');" +
      'return next(name, context); } });';
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(hook)}`;
    const plain = await startWorker({ NODE_OPTIONS });
    await plain.kill('SIGTERM');
    expect(plain.stderr).not.toContain('LOADED');
    const asked = await startWorker({ ...traced('http/json'), NODE_OPTIONS });
    await asked.kill('SIGTERM');
    expect(asked.stderr).toContain('LOADED @opentelemetry/sdk-node');
  });

  it('are missed in one sentence where the SDK is not installed', async () => {
    const hook =
      "import { registerHooks } from 'node:module';" +
      'registerHooks({ resolve: (name, context, next) => {' +
      "if (name.startsWith('@opentelemetry/sdk')) throw Object.assign(new Error(name)," +
      "{ code: 'ERR_MODULE_NOT_FOUND' });" +
      'return next(name, context); } });';
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(hook)}`;
    const env = { ...traced('http/json'), NODE_OPTIONS };
    await fleet.project.write('c.yaml', crawlFile(fleet.origin.url, 3));
    const worker = await startWorker(env);
    const { code, stderr } = await fleet.project.run(['start', 'c.yaml', '--wait'], env);
    expect(code).toBe(0);
    await worker.kill('SIGTERM');
    const sentence = 'nothing is traced: npm install @opentelemetry/sdk-node';
    expect(stderr.split(sentence)).toHaveLength(2);
    expect(worker.stderr.split(sentence)).toHaveLength(2);
  });
});
