import { describe, expect, it } from '@jest/globals';
import { stopAll } from '../../src/process/stop-all.ts';

describe('stopAll', () => {
  it('stops in reverse order, each after the one before it has finished', async () => {
    const order: string[] = [];
    const stoppable = (name: string) => ({
      async stop() {
        order.push(`${name} stops`);
        await Promise.resolve();
        order.push(`${name} stopped`);
      },
    });
    await stopAll([stoppable('first'), stoppable('second')]);
    expect(order).toEqual(['second stops', 'second stopped', 'first stops', 'first stopped']);
  });

  it('stops the others when one fails, and throws all errors together', async () => {
    const order: number[] = [];
    const failing = (id: number) => ({
      async stop() {
        await Promise.resolve();
        order.push(id);
        throw new Error(`failed ${id}`);
      },
    });
    const fine = { stop: () => Promise.resolve(void order.push(2)) };
    const stopping = stopAll([failing(1), fine, failing(3)]);
    await expect(stopping).rejects.toThrow('could not stop cleanly: failed 3; failed 1');
    await expect(stopping).rejects.toBeInstanceOf(AggregateError);
    expect(order).toEqual([3, 2, 1]);
  });
});
