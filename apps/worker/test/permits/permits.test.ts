import { describe, expect, it } from '@jest/globals';
import { PermitAccount } from '../../src/permits/permit-account.ts';
import { Permits } from '../../src/permits/permits.ts';

describe('a request for permits', () => {
  it.each([
    { total: 10, used: 0, most: 4, granted: 4, left: 6 },
    { total: 10, used: 8, most: 4, granted: 2, left: 0 },
    { total: 10, used: 10, most: 4, granted: 0, left: 0 },
  ])('for $most gets $granted at once when $used of $total are in use', (row) => {
    const permits = new Permits(row.total);
    permits.request(row.used).end();
    const request = permits.request(row.most);
    expect(request.isGranted).toBe(row.granted > 0);
    expect(request.end()).toBe(row.granted);
    expect(permits.inUse).toBe(row.total - row.left);
  });

  it('is granted what is released, in the order of arrival', async () => {
    const permits = new Permits(3);
    permits.request(3).end();
    const [first, second] = [permits.request(2), permits.request(2)];
    permits.release(1);
    await first.granted;
    expect([first.isGranted, second.isGranted]).toEqual([true, false]);
    permits.release(1);
    await second.granted;
    expect([first.end(), second.end()]).toEqual([1, 1]);
  });

  it('waits behind earlier requests', () => {
    const permits = new Permits(1);
    permits.request(1).end();
    const first = permits.request(1);
    permits.release(1);
    const second = permits.request(1);
    expect([first.isGranted, second.isGranted, permits.isAwaited()]).toEqual([true, false, true]);
    expect(permits.isAwaited(second)).toBe(false);
  });

  it('gets nothing after it has been withdrawn', () => {
    const permits = new Permits(1);
    permits.request(1).end();
    const [withdrawn, next] = [permits.request(1), permits.request(1)];
    expect(withdrawn.end()).toBe(0);
    permits.release(1);
    expect([withdrawn.isGranted, next.isGranted]).toEqual([false, true]);
  });
});

describe('the capacity of a worker', () => {
  it.each([
    { inUse: 0, demand: 0, vacancies: 125 },
    { inUse: 100, demand: 0, vacancies: 25 },
    { inUse: 100, demand: 20, vacancies: 5 },
    { inUse: 100, demand: 25, vacancies: 0 },
    { inUse: 50, demand: 200, vacancies: 0 },
  ])('is $vacancies at $inUse of 100 in use and $demand waiting', (row) => {
    const permits = new Permits(100);
    permits.request(row.inUse).end();
    permits.addDemand(row.demand);
    expect(permits.vacancies).toBe(row.vacancies);
  });

  it.each([
    { how: 'a permit is released', change: (permits: Permits) => permits.release(1) },
    { how: 'a fetch waits no more', change: (permits: Permits) => permits.addDemand(-1) },
  ])('is waited for until $how', async ({ change }) => {
    const permits = new Permits(4);
    permits.request(4).end();
    permits.addDemand(1);
    let hasCapacity = false;
    const wait = async (): Promise<void> => {
      await permits.waitForCapacity();
      hasCapacity = true;
    };
    const waiting = wait();
    permits.addDemand(0);
    await Promise.resolve();
    expect(hasCapacity).toBe(false);
    change(permits);
    await waiting;
    expect(permits.vacancies).toBe(1);
  });

  it.each([
    { inUse: 0, inHand: 0, sparable: 50 },
    { inUse: 40, inHand: 10, sparable: 20 },
    { inUse: 60, inHand: 10, sparable: 0 },
    { inUse: 90, inHand: 0, sparable: 0 },
  ])('has $sparable to spare at $inUse in use, $inHand of them in hand', (row) => {
    const permits = new Permits(100);
    permits.request(row.inUse).end();
    permits.addInHand(row.inHand);
    expect(permits.sparable).toBe(row.sparable);
  });
});

describe("an origin's permits", () => {
  it('are committed from when they are used until they are released', () => {
    const permits = new Permits(10);
    const account = new PermitAccount(permits);
    expect(account.take(account.request(6))).toBe(6);
    expect([account.committed, permits.inUse]).toEqual([0, 6]);
    account.commit(4);
    account.putBack(2);
    expect([account.committed, permits.inUse]).toEqual([4, 4]);
    account.release(1);
    expect([account.committed, permits.inUse]).toEqual([3, 3]);
  });

  it('count as to spare for all origins while they are in hand', () => {
    const permits = new Permits(10);
    const [account, other] = [new PermitAccount(permits), new PermitAccount(permits)];
    account.take(account.request(8));
    expect([account.sparable, other.sparable]).toEqual([5, 5]);
    account.commit(7);
    account.putBack(1);
    expect([account.sparable, other.sparable]).toEqual([0, 0]);
  });

  it('are needed by promised starts when their time comes', () => {
    const permits = new Permits(3);
    const account = new PermitAccount(permits);
    account.promise(5);
    expect([account.committed, permits.inUse]).toEqual([5, 0]);
    account.breakPromise();
    const redeemed = [1, 2, 3, 4].map(() => account.redeem());
    expect(redeemed).toEqual([true, true, true, false]);
    expect([account.committed, permits.inUse]).toEqual([3, 3]);
  });

  it('are asked for by the sum of what all origins could use', () => {
    const permits = new Permits(100);
    const [first, second] = [new PermitAccount(permits), new PermitAccount(permits)];
    first.setDemand(30);
    second.setDemand(40);
    first.setDemand(10);
    expect(permits.vacancies).toBe(75);
  });
});
