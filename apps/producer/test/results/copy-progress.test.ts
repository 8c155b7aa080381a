import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { Terminal } from '../../src/core/terminal.ts';
import { CopyProgress } from '../../src/results/copy-progress.ts';

/** A copy whose clock the test sets, and what it shows. */
function copying(isTTY: boolean) {
  const stderr = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY, columns: 80 });
  const terminal = new Terminal({ stdout: new PassThrough(), stderr });
  let now = 0;
  const progress = new CopyProgress(terminal, 'b-1 from s3://bucket/\u001B[2J', () => now);
  return {
    terminal,
    progress,
    update: (atMs: number, done: number) => {
      now = atMs;
      progress.update(done, 4_000_000);
      return String(stderr.read() ?? '');
    },
    shown: () => String(stderr.read() ?? ''),
  };
}

const LINE = 'copying b-1 from s3://bucket/\\u001b[2J: 1 MB of 4 MB';

describe('the progress of a copy', () => {
  it('is a line of a terminal, which is gone at the end', () => {
    const { progress, update, shown } = copying(true);
    expect(update(499, 1)).toBe('');
    expect(update(500, 1_000_000)).toBe(LINE);
    expect(update(599, 1_500_000)).toBe('');
    expect(update(600, 2_000_000)).toBe(`\r\u001B[K${LINE.replace('1 MB', '2 MB')}`);
    progress.stop();
    expect(shown()).toBe('\r\u001B[K');
  });

  it('leaves room for messages meanwhile', () => {
    const { terminal, update, shown } = copying(true);
    update(500, 1_000_000);
    terminal.warn('careful');
    const text = shown();
    expect(text.startsWith('\r\u001B[K')).toBe(true);
    expect(text).toContain('warning:');
    expect(text.endsWith(LINE)).toBe(true);
  });

  it('is a line every 3 s without a terminal', () => {
    const { progress, update, shown } = copying(false);
    expect(update(2_999, 1)).toBe('');
    expect(update(3_000, 1_000_000)).toBe(`${LINE}\n`);
    expect(update(5_999, 2_000_000)).toBe('');
    progress.stop();
    expect(shown()).toBe('');
  });

  it('is not shown if it ends at once, or with --quiet', () => {
    const { terminal, progress, update, shown } = copying(true);
    update(1, 4_000_000);
    progress.stop();
    expect(shown()).toBe('');
    terminal.setQuiet();
    expect(update(9_000, 1)).toBe('');
  });
});
