import { setImmediate } from 'node:timers/promises';
import { eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { type Flush, type FlushEvent, GroupCommit } from '../../src/sink/group-commit.ts';

const LARGE = 'x'.repeat(1024 * 1024);
const EVENT: FlushEvent = { kind: 'flushed', bytes: 0, durationMs: 0 };

/** A place that says when a flush becomes durable, or does not, when the test lets it. */
class Place {
  /** In the order in which they began. */
  readonly flushes: { readonly ok: () => void; readonly fail: (error: Error) => void }[] = [];
  isClosed = false;
  readonly commits = new GroupCommit({
    flush: async () => this.#flush(),
    close: async () => {
      this.isClosed = true;
    },
    observe: () => undefined,
  });
  /** How each append ended, by the order of the appends. */
  readonly ends: string[] = [];

  append(line: string): void {
    const at = this.ends.push('pending') - 1;
    this.commits.append('b', [line]).then(
      () => (this.ends[at] = 'durable'),
      (error: unknown) => (this.ends[at] = String(error)),
    );
  }

  /** @returns how many flushes have begun, once there are as many, and time for another one */
  async begun(count: number): Promise<number> {
    await eventually(() => this.flushes.length >= count);
    await setImmediate();
    return this.flushes.length;
  }

  async #flush(): Promise<Flush> {
    const { promise: durable, resolve, reject } = Promise.withResolvers<FlushEvent>();
    this.flushes.push({ ok: () => resolve(EVENT), fail: reject });
    return { durable };
  }
}

describe('GroupCommit', () => {
  it('writes much while the flush before becomes durable, but no more than one ahead', async () => {
    const place = new Place();
    place.append(LARGE);
    expect(await place.begun(1)).toBe(1);
    place.append(LARGE);
    place.append('');
    expect(await place.begun(2)).toBe(2);
    place.append(LARGE);
    expect(await place.begun(2)).toBe(2);
    expect(place.ends).toEqual(['pending', 'pending', 'pending', 'pending']);
    place.flushes[0]?.ok();
    expect(await place.begun(3)).toBe(3);
    expect(place.ends).toEqual(['durable', 'pending', 'pending', 'pending']);
    place.flushes[1]?.ok();
    place.flushes[2]?.ok();
    await eventually(() => place.ends.every((end) => end === 'durable'));
    expect(place.commits.isIdle).toBe(true);
  });

  it('lets a few records wait for more until the flush before is durable', async () => {
    const place = new Place();
    place.append(LARGE);
    expect(await place.begun(1)).toBe(1);
    place.append('few');
    place.append('more');
    expect(await place.begun(1)).toBe(1);
    place.flushes[0]?.ok();
    expect(await place.begun(2)).toBe(2);
    place.flushes[1]?.ok();
    await eventually(() => place.ends.length === 3 && !place.ends.includes('pending'));
    expect(place.ends).toEqual(['durable', 'durable', 'durable']);
  });

  it('rejects what was in a flush that failed, and nothing else', async () => {
    const place = new Place();
    place.append(LARGE);
    expect(await place.begun(1)).toBe(1);
    place.append(LARGE);
    expect(await place.begun(2)).toBe(2);
    place.flushes[0]?.fail(new Error('disk'));
    place.flushes[1]?.ok();
    await eventually(() => !place.ends.includes('pending'));
    expect(place.ends).toEqual(['Error: disk', 'durable']);
  });

  it('closes when all is durable', async () => {
    const place = new Place();
    place.append(LARGE);
    expect(await place.begun(1)).toBe(1);
    place.append(LARGE);
    const released = place.commits.release();
    expect(await place.begun(2)).toBe(2);
    place.flushes[0]?.ok();
    await eventually(() => place.ends[0] === 'durable');
    expect(place.isClosed).toBe(false);
    place.flushes[1]?.ok();
    await released;
    expect([place.isClosed, ...place.ends]).toEqual([true, 'durable', 'durable']);
  });
});
