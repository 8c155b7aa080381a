import { describe, expect, it } from '@jest/globals';
import { Room } from '../../src/batch/room.ts';
import type { RedisMemory } from '../../src/index.ts';

const full: RedisMemory = { usedBytes: 80, maxBytes: 100 };
const free: RedisMemory = { usedBytes: 79, maxBytes: 100 };

function roomOf(answers: (RedisMemory | undefined)[], signal = new AbortController().signal) {
  const reports: RedisMemory[] = [];
  const room = new Room({
    memory: async () => answers.shift(),
    onFull: (memory) => reports.push(memory),
    signal,
  });
  return { room, reports, answers };
}

describe('room in Redis', () => {
  it('is there below four fifths of the limit', async () => {
    const { room, reports } = roomOf([free]);
    await room.wait();
    expect(reports).toEqual([]);
  });

  it('is waited for, which is reported once', async () => {
    const { room, reports, answers } = roomOf([full, free, full, free]);
    await room.wait();
    await room.wait();
    expect(reports).toEqual([full]);
    expect(answers).toEqual([]);
  });

  it('is looked for before every addition while there is a limit', async () => {
    const { room, answers } = roomOf([free, free]);
    await room.wait();
    await room.wait();
    expect(answers).toEqual([]);
  });

  it('is not asked for again and again where there is no limit', async () => {
    const { room, answers } = roomOf([undefined, full]);
    await room.wait();
    await room.wait();
    expect(answers).toEqual([full]);
  });

  it('is not waited for after an abort', async () => {
    const { room } = roomOf([full, full], AbortSignal.abort(new Error('enough')));
    await expect(room.wait()).rejects.toThrow('aborted');
  });
});
