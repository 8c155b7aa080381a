import { eventually, installLeakGuard, type OtlpSink, startOtlpSink } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openTracing, parseBatchTrace, traceExpansion, traceIdsOf } from '../../src/index.ts';

const CONTEXT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('the context of a span', () => {
  it.each([
    [CONTEXT, { trace_id: CONTEXT.slice(3, 35), span_id: CONTEXT.slice(36, 52) }],
    [undefined, undefined],
    ['', undefined],
    ['sesame', undefined],
    [CONTEXT.toUpperCase(), undefined],
    [`${CONTEXT}-more`, undefined],
    [CONTEXT.replace('b7ad6b7169203331', '0'.repeat(16)), undefined],
  ])('is read, or is none: %s', (context, ids) => {
    expect(traceIdsOf(context)).toEqual(ids);
  });

  it('is stored with that of a schedule behind it', () => {
    expect(parseBatchTrace('a b')).toEqual({ batch: 'a', schedule: 'b' });
    expect(parseBatchTrace('a')).toEqual({ batch: 'a', schedule: undefined });
    expect(parseBatchTrace(undefined)).toBeUndefined();
  });
});

describe('tracing', () => {
  it.each([
    [{}],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' }],
  ])('is off with %j', async (env) => {
    const problems: string[] = [];
    const onProblem = (sentence: string): unknown => problems.push(sentence);
    const options = { env, service: 'test', version: '1', onProblem };
    expect(await openTracing(options)).toBeUndefined();
    expect(problems).toEqual([]);
  });
});

/** The SDK takes a number below `performance.now()` for a time since the process has started. */
const STARTED_AT = Date.parse('2026-01-02T03:04:05Z');

describe('spans', () => {
  const before = { ...process.env };
  let sink: OtlpSink;
  beforeEach(async () => {
    sink = await startOtlpSink();
  });
  afterEach(async () => {
    await sink.close();
    process.env = { ...before };
  });
  installLeakGuard();

  it('arrive with parent, links and what happened, when tracing stops', async () => {
    // The SDK reads the environment of the process.
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = sink.url;
    process.env['OTEL_SERVICE_NAME'] = 'named';
    process.env['OTEL_NODE_RESOURCE_DETECTORS'] = 'all';
    const problems: string[] = [];
    const tracing = await openTracing({
      env: process.env,
      service: 'test',
      version: '1',
      onProblem: (sentence) => problems.push(sentence),
    });
    const span = tracing?.start('one', {
      parent: CONTEXT,
      links: [CONTEXT, undefined, 'sesame'],
      kind: 'consumer',
      startedAt: STARTED_AT,
      attributes: { a: 'text', b: 2, c: undefined, d: true },
    });
    span?.event('happened', { n: 1 });
    span?.fail('Error');
    span?.end(STARTED_AT + 2_000);
    expect(traceIdsOf(span?.context)).toEqual(span?.ids);
    const expansion = tracing && traceExpansion(tracing, { name: 'crawl', total: 3 });
    expansion?.onEnd(undefined, new TypeError('secret'));
    await tracing?.stop();
    await eventually(() => sink.spans.length === 2);
    const [one, two] = sink.spans;
    expect(one).toMatchObject({
      service: 'named',
      name: 'one',
      kind: 5,
      traceId: CONTEXT.slice(3, 35),
      parentId: CONTEXT.slice(36, 52),
      links: [CONTEXT.slice(36, 52)],
      attributes: { a: 'text', b: 2, d: true },
      events: [{ name: 'happened', attributes: { n: 1 } }],
      durationMs: 2_000,
      status: 2,
    });
    expect(Object.keys(one?.attributes ?? {})).toEqual(['a', 'b', 'd']);
    expect(two).toMatchObject({ name: 'enqueue batch', kind: 4, parentId: '', status: 2 });
    expect(JSON.stringify(sink.spans)).not.toContain('secret');
    const names = Object.keys(one?.resource ?? {});
    expect(names).toContain('host.name');
    expect(names.filter((name) => name.startsWith('process.'))).toEqual([]);
    expect(problems).toEqual([]);
  });
});
