import { compileSelect } from '@fetchfleet/crawl';
import { installLeakGuard, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import { ResultsNotFoundError, selectedValues, type SelectSummary } from '@fetchfleet/results';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BATCH, layOut, manifestOf, recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('select');
});
afterEach(async () => folder.remove());
installLeakGuard();

async function selected(path: string, batch = BATCH) {
  let summary: SelectSummary | undefined;
  let text = '';
  const onEnd = (ended: SelectSummary) => {
    summary = ended;
  };
  const options = { dir: folder.path, batch, select: compileSelect(path), onEnd };
  for await (const chunk of selectedValues(options)) {
    text += chunk;
  }
  return { lines: text.split('\n').slice(0, -1), summary };
}

function ignore(): void {}

const lines = (...list: readonly string[]): string => list.map((text) => `${text}\n`).join('');

describe('selectedValues', () => {
  it('takes values in the order of the fetches, with their digits', async () => {
    await layOut(folder.path, manifestOf(3), {
      'a-1': lines(
        recordLine({ index: 2, body: '{"items":[{"id":"z"}]}' }),
        recordLine({ index: 0, body: '{"items":[{"id":12345678901234567890},{"id":1.10}]}' }),
      ),
      'b-1': lines(recordLine({ index: 1, body: '{"items":[{"x":{"id":1}},{"id":{"a":[1e5]}}]}' })),
    });
    expect(await selected('$.items[*].id')).toEqual({
      lines: [
        '{"value":12345678901234567890}',
        '{"value":1.10}',
        '{"value":{"a":[1e5]}}',
        '{"value":"z"}',
      ],
      summary: { values: 4, records: 3, notJson: 0, missing: 0 },
    });
  });

  it('leaves out failures, bodies that are no JSON, and the older of two records', async () => {
    await layOut(folder.path, manifestOf(7), {
      'a-1': lines(
        recordLine({ index: 0, body: '[1]', startedAt: '2026-11-23T00:00:01.000Z' }),
        recordLine({ index: 0, body: '[2]', startedAt: '2026-11-23T00:00:02.000Z' }),
        recordLine({ index: 1, outcome: 'http-error', body: '[3]' }),
        recordLine({ index: 2, body: '"<p>not JSON</p>"', bodyEncoding: 'text' }),
        recordLine({ index: 3, body: '"[4]"', bodyEncoding: 'text' }),
        recordLine({ index: 4, body: '"WzVd"', bodyEncoding: 'base64' }),
        recordLine({ index: 5 }),
      ),
    });
    expect(await selected('$[*]')).toEqual({
      lines: ['{"value":2}', '{"value":4}'],
      summary: { values: 2, records: 2, notJson: 2, missing: 1 },
    });
  });

  it('passes many values and long bodies on in pieces', async () => {
    const body = JSON.stringify(Array.from({ length: 30_000 }, (_, at) => at));
    await layOut(folder.path, manifestOf(1), { 'a-1': lines(recordLine({ index: 0, body })) });
    const { lines: found, summary } = await selected('$[*]');
    expect(summary).toMatchObject({ values: 30_000 });
    expect([found.length, found[0], found.at(-1)]).toEqual([
      30_000,
      '{"value":0}',
      '{"value":29999}',
    ]);
  });

  it('can be left early, and fails where there is no such batch', async () => {
    await layOut(folder.path, manifestOf(1), {
      'a-1': lines(recordLine({ index: 0, body: JSON.stringify(Array(100_000).fill('x')) })),
    });
    const select = compileSelect('$[*]');
    for await (const chunk of selectedValues({
      dir: folder.path,
      batch: BATCH,
      select,
      onEnd: ignore,
    })) {
      expect(chunk).toMatch(/^\{"value":"x"\}/u);
      break;
    }
    await expect(selected('$', 'other-1')).rejects.toThrow(ResultsNotFoundError);
  });
});
