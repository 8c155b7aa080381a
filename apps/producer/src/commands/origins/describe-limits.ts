import type { OriginStatus } from '@fetchfleet/fleet';

/**
 * `at most 5/s, bursts of 10, 8 in flight`; a limit of another source is followed by its source.
 */
export function describeLimits({ rate, burst, concurrency }: OriginStatus): string {
  const inFlight = concurrency.limit === 'unlimited' ? 'any number' : concurrency.limit;
  return [
    rate.perSecond === undefined ? 'any rate' : `at most ${rate.limit}${sourceText(rate.source)}`,
    ...(burst > 1 ? [`bursts of ${burst}`] : []),
    `${inFlight} in flight${sourceText(concurrency.source)}`,
  ].join(', ');
}

function sourceText(source: OriginStatus['rate']['source']): string {
  return source === 'set' || source === 'none' ? '' : ` (${source})`;
}
