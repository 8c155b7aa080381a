import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { onParentEnd } from '../../src/process/parent.ts';

describe('onParentEnd', () => {
  it('calls back when the channel to the parent closes, or if it has closed before', () => {
    const seen: string[] = [];
    const target = Object.assign(new EventEmitter(), { connected: true });
    onParentEnd(() => seen.push('closed'), target);
    expect(seen).toEqual([]);
    target.emit('disconnect');
    onParentEnd(() => seen.push('was closed'), Object.assign(target, { connected: false }));
    expect(seen).toEqual(['closed', 'was closed']);
  });

  it('waits for nothing in a process without such a channel', () => {
    const seen: string[] = [];
    onParentEnd(() => seen.push('called'), new EventEmitter());
    expect(seen).toEqual([]);
  });
});
