import { describe, expect, it } from '@jest/globals';
import { parseHosts } from '../../src/lookup/hosts-file.ts';

describe('parseHosts', () => {
  it.each([
    ['a name', '10.0.0.1 a.example', ['10.0.0.1']],
    ['an alias', '10.0.0.1\tb a.example c', ['10.0.0.1']],
    ['a name in capitals', '10.0.0.1 A.Example', ['10.0.0.1']],
    ['lines of both families', '10.0.0.1 a.example\n::1 a.example', ['10.0.0.1', '::1']],
    ['a line that comes twice', '10.0.0.1 a.example\n10.0.0.1 a.example', ['10.0.0.1']],
    ['a comment behind the name', '10.0.0.1 a.example # 10.0.0.2', ['10.0.0.1']],
    ['lines that end as in Windows', '10.0.0.1 a.example\r\n', ['10.0.0.1']],
    ['spaces at the start', '  10.0.0.1 a.example', ['10.0.0.1']],
    ['a line in a comment', '# 10.0.0.1 a.example', undefined],
    ['what is no address', '10.0.0 a.example', undefined],
    ['an empty file', '', undefined],
  ])('reads %s', (_what, text, addresses) => {
    expect(
      parseHosts(text)
        .get('a.example')
        ?.map(({ address }) => address),
    ).toEqual(addresses);
  });
});
