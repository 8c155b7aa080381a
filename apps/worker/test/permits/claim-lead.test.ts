import { describe, expect, it } from '@jest/globals';
import { ClaimLead } from '../../src/permits/claim-lead.ts';
import { Permits } from '../../src/permits/permits.ts';

/** The lead after so many starts in 200 ms, with claims that all took so long. */
function leadAfter({ starts, claimMs }: { readonly starts: number; readonly claimMs: number }) {
  let now = 5_000;
  const lead = new ClaimLead(() => now);
  lead.addClaim(claimMs);
  for (let start = 0; start < starts; start++) {
    lead.countStart();
  }
  now += 200;
  return { lead, wait: (ms: number) => (now += ms) };
}

describe('the lead of claims', () => {
  it.each([
    { of: 'a fast origin', starts: 2_000, claimMs: 2, fetches: 40 },
    { of: 'a fast origin far from Redis', starts: 2_000, claimMs: 20, fetches: 400 },
    { of: 'a slow origin', starts: 1, claimMs: 2, fetches: 1 },
    { of: 'a Redis that stood still', starts: 2_000, claimMs: 60_000, fetches: 2_000 },
    { of: 'a worker without work', starts: 0, claimMs: 2, fetches: 0 },
  ])('is what starts in the time of two claims: $fetches for $of', ({ fetches, ...given }) => {
    expect(leadAfter(given).lead.fetches).toBe(fetches);
  });

  it('takes a wave of starts for what it is', () => {
    const { lead, wait } = leadAfter({ starts: 0, claimMs: 5 });
    expect(lead.fetches).toBe(0);
    for (let start = 0; start < 50; start++) {
      lead.countStart();
    }
    wait(20);
    expect(lead.fetches).toBe(0);
    wait(180);
    expect(lead.fetches).toBe(3);
  });

  it('follows the mean of the claims', () => {
    const { lead } = leadAfter({ starts: 2_000, claimMs: 2 });
    lead.addClaim(10);
    expect(lead.fetches).toBe(60);
    for (let claim = 0; claim < 100; claim++) {
      lead.addClaim(10);
    }
    expect(lead.fetches).toBe(200);
  });

  it('is that of the last 200 ms or more', () => {
    const { lead, wait } = leadAfter({ starts: 2_000, claimMs: 2 });
    expect(lead.fetches).toBe(40);
    wait(199);
    expect(lead.fetches).toBe(40);
    wait(1);
    expect(lead.fetches).toBe(0);
  });

  it('raises the capacity of a worker only above a quarter of its permits', () => {
    const { lead } = leadAfter({ starts: 2_000, claimMs: 2 });
    for (const [total, vacancies] of [
      [8, 40],
      [400, 100],
    ] as const) {
      const permits = new Permits(total, lead);
      permits.request(total).end();
      expect(permits.vacancies).toBe(vacancies);
    }
  });
});
