import { describe, expect, it } from '@jest/globals';
import { compete, type Contender } from '../contest.ts';

function noting(name: string, runs: string[], warmUp?: number): Contender {
  return {
    name,
    fetches: 40,
    run: async (fetches) => {
      runs.push(`${name} ${fetches}`);
      return { fetches, seconds: 1 };
    },
    ...(warmUp !== undefined && { warmUp }),
  };
}

describe('a contest', () => {
  it('runs contenders in turns, each with a warm-up before every run', async () => {
    const runs: string[] = [];
    const scores = await compete([noting('a', runs), noting('b', runs, 0)], { rounds: 2 });
    expect(runs).toEqual(['a 10', 'a 40', 'b 40', 'a 10', 'a 40', 'b 40']);
    expect(scores.map(({ samples }) => samples.map(({ fetches }) => fetches))).toEqual([
      [40, 40],
      [40, 40],
    ]);
  });
});
