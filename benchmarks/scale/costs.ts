import type { Cost } from '../simulation/scenario.ts';
import { slopeOf, type Slopes } from './slopes.ts';

/** Of an answer, with its headers; about the size of HTML today without images and scripts. */
export const BODY_BYTES = 50_000;

/**
 * What fetches cost workers and Redis in the simulation of the internet: bodies are not small
 * there, and every origin speaks TLS.
 */
export function costsOf(slopes: Slopes): { readonly workerCost: Cost; readonly redisCost: Cost } {
  const body = slopeOf(slopes, 'kilobyte of body', 'workerMicros') * (BODY_BYTES / 1_000);
  const worker = cost(slopes, 'workerMicros');
  return {
    workerCost: { ...worker, bulk: worker.bulk + body, paced: worker.paced + body },
    redisCost: cost(slopes, 'redisMicros'),
  };
}

function cost(slopes: Slopes, figure: 'workerMicros' | 'redisMicros'): Cost {
  const bulk = slopeOf(slopes, 'fetch', figure);
  return {
    bulk,
    paced: slopeOf(slopes, 'paced fetch', figure),
    // The slope of an origin has its one fetch in it.
    visit: Math.max(0, slopeOf(slopes, 'HTTPS origin', figure) - bulk),
    workerSecond: slopeOf(slopes, 'worker second', figure),
  };
}
