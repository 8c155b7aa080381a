import { describe, expect, it } from '@jest/globals';
import { type Part, startAll, stopAll } from '../../src/process/parts.ts';

/** Parts that note what happens to them; those named `fails…` reject. */
function noting(...names: readonly string[]): { parts: Part[]; order: string[] } {
  const order: string[] = [];
  const act = async (name: string, verb: string): Promise<void> => {
    order.push(`${name}: ${verb}`);
    await Promise.resolve();
    if (name.startsWith('fails')) {
      throw new Error(`no ${verb}`);
    }
    order.push(`${name}: ${verb} done`);
  };
  const parts = names.map((name) => ({
    name,
    start: async () => act(name, 'start'),
    stop: async () => act(name, 'stop'),
  }));
  return { parts, order };
}

describe('startAll', () => {
  it('starts in order, each after the one before it has started', async () => {
    const { parts, order } = noting('first', 'second');
    expect(await startAll([...parts, { name: 'needs no start' }])).toBe(true);
    expect(order).toEqual([
      'first: start',
      'first: start done',
      'second: start',
      'second: start done',
    ]);
  });

  it('starts nothing more once goesOn returns false', async () => {
    const { parts, order } = noting('first', 'second');
    expect(await startAll(parts, () => order.length === 0)).toBe(false);
    expect(order).toEqual(['first: start', 'first: start done']);
  });
});

describe('stopAll', () => {
  it('stops in reverse order, each after the one before it has stopped', async () => {
    const { parts, order } = noting('first', 'second');
    await stopAll([...parts, { name: 'needs no stop' }]);
    expect(order).toEqual(['second: stop', 'second: stop done', 'first: stop', 'first: stop done']);
  });

  it('stops the others when one fails, and throws all errors together, by name', async () => {
    const { parts, order } = noting('fails 1', 'fine', 'fails 2');
    const stopping = stopAll(parts);
    await expect(stopping).rejects.toThrow(
      'could not stop cleanly: fails 2: no stop; fails 1: no stop',
    );
    await expect(stopping).rejects.toBeInstanceOf(AggregateError);
    expect(order).toEqual(['fails 2: stop', 'fine: stop', 'fine: stop done', 'fails 1: stop']);
  });
});
