import { describe, expect, it } from '@jest/globals';
import { readAddress } from '../../src/postgres/address.ts';

describe('readAddress', () => {
  const env = {
    PGHOST: 'pg.example',
    PGPORT: '6432',
    PGUSER: 'm e',
    PGPASSWORD: 'p@ss',
    PGDATABASE: 'crawls',
  };

  it.each([
    ['postgres://me:secret@db.example:5433/crawls', {}, 'postgres://me@db.example:5433/crawls'],
    ['postgresql://db.example/x?password=secret', {}, 'postgres://db.example/x'],
    ['postgres://', env, 'postgres://m%20e@pg.example:6432/crawls'],
    ['postgres:///other', env, 'postgres://m%20e@pg.example:6432/other'],
    ['postgres://db.example/x', env, 'postgres://m%20e@db.example:6432/x'],
    ['postgres:///x?host=/run/pg&user=u', {}, 'postgres://u@%2Frun%2Fpg/x'],
    ['postgres://[::1]:5/x', {}, 'postgres://[::1]:5/x'],
  ])('shows %j without secrets, and completes it', (url, variables, shown) => {
    expect(readAddress(url, variables).shown).toBe(shown);
  });

  it('takes the password from PGPASSWORD, unless the address has one', () => {
    const found = ['postgres://h/x', 'postgres://me:own%25@h/x'].map((url) =>
      new URL(readAddress(url, env).url).searchParams.get('password'),
    );
    expect(found).toEqual(['p@ss', 'own%']);
  });

  it.each([
    ['postgres://me@h/x?sslmod=require', /unknown parameter "sslmod"/u],
    ['postgres://me@h/x?table=raw.fetches', /search_path=NAME/u],
    ['postgres://me:50%secret@h/x', /"%25"/u],
    ['mysql://me:secret@h/x', /postgres:\/\/USER@HOST\/DATABASE/u],
    ['me:secret@h/x', /postgres:\/\/USER@HOST\/DATABASE/u],
  ])('refuses %j', (url, message) => {
    expect(() => readAddress(url, {})).toThrow(message);
    expect(() => readAddress(url, {})).not.toThrow(/secret/u);
  });
});
