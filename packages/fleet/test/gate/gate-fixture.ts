import type { Politeness } from '@fetchfleet/crawl';
import {
  type Arrival,
  EMPTY_REPORT,
  Gate,
  type GateAnswer,
  type OriginReport,
  Waitlist,
} from '../../src/index.ts';
import { freshFleet, plan } from '../fixture.ts';

export const origin = 'http://origin.example';
export const unlimited: Politeness = { ...plan.politeness, concurrency: 'unlimited' };

/** Workers of a fleet whose gate is empty. */
export async function workers(size: number) {
  const { redis, keys } = await freshFleet();
  const list = Array.from({ length: size }, (_, i) => {
    const gate = new Gate({ redis, keys, worker: `w-${i}` });
    let inFlight = 0;
    let deferred = 0;
    return {
      gate,
      defer: async (count: number, ticket = 0, slice = `b.${++deferred}`) =>
        gate.defer(origin, { slice, count, ticket }),
      /** Exchanges, and counts granted fetches as in flight. */
      async ask(
        want: number,
        options: {
          readonly politeness?: Politeness;
          readonly report?: Partial<OriginReport>;
          readonly batch?: string;
          readonly at?: string;
          /** @default want */
          readonly waiting?: number;
          readonly arrivals?: readonly Arrival[];
          /** @default 50 */
          readonly horizonMs?: number;
          /** @default false */
          readonly onlyIfFree?: boolean;
          readonly crawlDelayMs?: number;
        } = {},
      ): Promise<GateAnswer> {
        const {
          politeness = plan.politeness,
          report = {},
          batch = 'b',
          waiting = want,
          arrivals = [],
          horizonMs = 50,
          onlyIfFree = false,
          crawlDelayMs,
        } = options;
        inFlight -= report.ended ?? 0;
        const answer = await gate.exchange(options.at ?? origin, {
          inFlight,
          want,
          onlyIfFree,
          horizonMs,
          leadMs: 0,
          waiting,
          arrivals,
          report: { ...EMPTY_REPORT, ...report },
          batches: [{ batch, politeness }],
          ...(crawlDelayMs !== undefined && { crawlDelayMs }),
        });
        inFlight += answer.granted;
        return answer;
      },
    };
  });
  const [first, second = first, third = second] = list;
  if (first === undefined || second === undefined || third === undefined) {
    throw new Error('a fleet without workers');
  }
  /** Moves a stored instant into the past, as if time had passed. */
  const age = async (field: string, byUs: number): Promise<void> => {
    const value = Number(await redis.hget(keys.gate(origin), field));
    await redis.hset(keys.gate(origin), field, String(value - byUs));
  };
  return { redis, keys, first, second, third, age, waitlist: new Waitlist(redis, keys) };
}
