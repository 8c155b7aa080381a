import { execFileSync } from 'node:child_process';
import type { Plan } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { registration } from '../fleet-data.ts';
import { curlLine } from '../../src/records/curl-line.ts';

const { plan } = registration('one', 1).crawl;
const url = "http://origin.example/it's?a=1&b=$HOME";
const record = { url, page: null, params: { n: '1' } };

/** What a shell makes of the words. */
function wordsOf(line: string | null, env: Readonly<Record<string, string>> = {}): string[] {
  const script = `curl() { for word in "$@"; do printf '%s\\0' "$word"; done; }; ${line ?? ''}`;
  const out = execFileSync('/bin/sh', ['-c', script], { env, encoding: 'utf8' });
  return out.split('\0').slice(0, -1);
}

describe('the line for a shell', () => {
  it('is the URL alone where nothing else is known', () => {
    expect(wordsOf(curlLine(record, undefined))).toEqual([url]);
    expect(wordsOf(curlLine(record, plan))).toEqual([url]);
    expect(curlLine({ ...record, method: 'POST' }, undefined)).toBeNull();
  });

  it('has the headers and the body of the crawl, with secrets as variables', () => {
    const crawl: Plan = {
      ...plan,
      method: 'POST',
      headers: { 'x-key': 'k-${env:API_KEY}', 'x-n': '{{n}} `date`' },
      body: { json: '{"n":"{{n}}"}' },
      auth: { bearer: '${env:API_TOKEN}' },
    };
    const line = curlLine({ ...record, method: 'POST' }, crawl);
    expect(line).toContain('"$API_KEY"');
    expect(wordsOf(line, { API_KEY: 'a b', API_TOKEN: '$(id)' })).toEqual([
      '-X',
      'POST',
      '-H',
      'authorization: Bearer $(id)',
      '-H',
      'content-type: application/json',
      '-H',
      'x-key: k-a b',
      '-H',
      'x-n: 1 `date`',
      '--data-raw',
      '{"n":"1"}',
      url,
    ]);
    expect(curlLine({ ...record, method: 'POST', page: 2 }, crawl)).toBeNull();
  });

  it('makes no variable of a value, whatever it looks like', () => {
    const value = '${env:AWS_SECRET_ACCESS_KEY} "$HOME" \'';
    const crawl: Plan = { ...plan, headers: { 'x-n': '{{n}}' } };
    const line = curlLine({ ...record, params: { n: value } }, crawl);
    expect(wordsOf(line, { AWS_SECRET_ACCESS_KEY: 'no', HOME: 'no' })).toEqual([
      '-H',
      `x-n: ${value}`,
      url,
    ]);
  });

  it('gives user and password to curl, and names the token that workers fetch', () => {
    const basic = { basic: { user: 'ann', password: '${env:PW}' } };
    expect(wordsOf(curlLine(record, { ...plan, auth: basic }), { PW: 'x' })).toEqual([
      '-u',
      'ann:x',
      url,
    ]);
  });
});
