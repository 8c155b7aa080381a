import { Place } from '@fetchfleet/results/place';
import { describe, expect, it } from '@jest/globals';
import { checkResultsFolder } from '../../src/start/check-results-folder.ts';

const check = async (text: string, begun: readonly string[], newResults = false): Promise<void> =>
  checkResultsFolder({
    ledger: { begunElsewhere: async () => [...begun] },
    folder: { place: 'a place', id: 'an id' },
    settings: { results: Place.parse(text, '/srv'), newResults },
  });

describe('the place of a worker that starts', () => {
  it.each([
    [
      'results',
      /write results to \/srv\/results: another folder was at this path when b-1 began\./u,
    ],
    ['s3://bucket/crawls', /to s3:\/\/bucket\/crawls: another place was at this address when b-1/u],
    [
      'postgres://me:secret@db/crawls',
      /to postgres:\/\/me@db\/crawls: another place .*Bring it back/u,
    ],
  ])('is refused if batches began in another one: %s', async (text, message) => {
    await expect(check(text, ['b-1'])).rejects.toThrow(message);
    await expect(check(text, ['b-1'])).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' });
    await expect(check(text, ['b-1'], true)).resolves.toBeUndefined();
    await expect(check(text, [])).resolves.toBeUndefined();
  });
});
