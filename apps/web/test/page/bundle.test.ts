import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { binaryPath } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';

const MOST_BYTES = 60_000;

const page = join(dirname(binaryPath('fetchfleet-web')), '../dist/page');

/** Files that a browser loads before it shows anything: the page, and what it names. */
function firstLoad(): string[] {
  const html = readFileSync(join(page, 'index.html'), 'utf8');
  const named = [...html.matchAll(/(?:src|href)="\.\/([^"]+)"/gu)].map(([, path]) => path ?? '');
  return ['index.html', ...named];
}

describe('the built page', () => {
  it('has 60 kB at most for the first load, as the server sends it', () => {
    const files = firstLoad();
    expect(files.map((file) => file.replace(/-[\w-]{8}\./u, '.'))).toEqual(
      expect.arrayContaining(['index.html', 'assets/index.js', 'assets/index.css']),
    );
    const bytes = files
      .map((file) => gzipSync(readFileSync(join(page, file)), { level: 9 }).length)
      .reduce((sum, size) => sum + size, 0);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  });
});
