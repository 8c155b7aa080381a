import { openStore, FolderStore } from '@fetchfleet/results';
import { Place } from '@fetchfleet/results/place';
import { describe, expect, it } from '@jest/globals';

describe('a place of results', () => {
  it.each([
    ['results', 'folder', '/srv/results', '/srv/results'],
    ['/data/out', 'folder', '/data/out', '/data/out'],
    ['.', 'folder', '/srv', '/srv'],
    ['./s3:', 'folder', '/srv/s3:', '/srv/s3:'],
    ['./s3://bucket', 'folder', '/srv/s3:/bucket', '/srv/s3:/bucket'],
    ['2026-11-29T10:00', 'folder', '/srv/2026-11-29T10:00', '/srv/2026-11-29T10:00'],
    ['results:old', 'folder', '/srv/results:old', '/srv/results:old'],
    ['s3://bucket', 's3', 's3://bucket', 's3://bucket'],
    ['s3://bucket/', 's3', 's3://bucket', 's3://bucket'],
    ['s3://my.bucket-1/a/b c/', 's3', 's3://my.bucket-1/a/b c', 's3://my.bucket-1/a/b c'],
    [
      'postgres://me:se%40cret@db.example:5433/crawls?sslmode=require',
      'postgres',
      'postgres://me@db.example:5433/crawls',
      'postgres://me:se%40cret@db.example:5433/crawls?sslmode=require',
    ],
    [
      'postgresql:///crawls?password=x',
      'postgres',
      'postgres:///crawls',
      'postgresql:///crawls?password=x',
    ],
  ])('is read from %s', (text, kind, location, url) => {
    const place = Place.parse(text, '/srv');
    expect([place.kind, place.location, place.url]).toEqual([kind, location, url]);
    expect(JSON.stringify(place)).not.toMatch(/cret|=x/u);
    // What was read is read again as the same.
    expect(Place.parse(place.url, '/elsewhere')).toEqual(place);
  });

  it.each([
    ['', /must be a folder, s3:.* or postgres:.*, and not nothing/u],
    ['s3:/x', /must be a folder, s3:.* or postgres:.*begins with \.\//u],
    ['s3:', /begins with \.\//u],
    ['S3://bucket', /begins with \.\//u],
    ['http://a.example/results', /begins with \.\//u],
    ['file:///srv/results', /begins with \.\//u],
    ['gs://bucket', /begins with \.\//u],
    ['mysql://me:secret@db/crawls', /begins with \.\//u],
    ['postgres:crawls', /begins with \.\//u],
    ['C:\\results', /paths of Windows are none/u],
    ['c:/results', /paths of Windows/u],
    ['\\\\server\\share', /paths of Windows/u],
    ['s3://', /must name a bucket/u],
    ['s3:///prefix', /must name a bucket/u],
    ['s3://Bucket/prefix', /must name a bucket/u],
    ['s3://key:secret@bucket/prefix', /must name a bucket/u],
    ['s3://bucket//prefix', /a prefix or none/u],
    ['s3://bucket/../other', /a prefix or none/u],
    ['s3://bucket/prefix?versionId=1', /a prefix or none/u],
    ['s3://bucket/a\nb', /a prefix or none/u],
    ['postgres://', /must name a database/u],
    ['postgres://me:secret@db.example', /must name a database/u],
    ['postgres://me:secret@db.example/', /must name a database/u],
    ['postgres://me:secret@db.example/a/b', /must name a database/u],
    ['postgres://me:secret@db:port/crawls', /must name a database/u],
  ])('is not %j', (text, message) => {
    const parse = (): unknown => Place.parse(text, '/srv');
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: 'PLACE_INVALID' }));
    expect(parse).not.toThrow(/secret/u);
  });

  it('is opened by what it is', async () => {
    const store = await openStore('results', { env: {}, cwd: '/srv' });
    expect(store).toBeInstanceOf(FolderStore);
    expect(store.location).toBe('/srv/results');
    const options = { env: {}, cwd: '/srv' };
    await expect(openStore('s3:/x', options)).rejects.toThrow('must be a folder');
  });
});
