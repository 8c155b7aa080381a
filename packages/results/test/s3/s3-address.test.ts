import { isS3Address, S3AddressError } from '@fetchfleet/results';
import { Place } from '@fetchfleet/results/place';
import { S3Store, uploadTo } from '@fetchfleet/results/s3';
import { describe, expect, it } from '@jest/globals';

const env = { AWS_REGION: 'eu-central-1' };

describe('an address in S3', () => {
  it.each([
    ['s3://bucket', 's3://bucket'],
    ['s3://bucket/', 's3://bucket'],
    ['s3://my.bucket-1/a/b c/é', 's3://my.bucket-1/a/b c/é'],
    ['s3://bucket/a/', 's3://bucket/a'],
    ['s3://bucket/100%/x%20y', 's3://bucket/100%/x%20y'],
  ])('is read as it stands: %s', (url, location) => {
    expect(isS3Address(url)).toBe(true);
    expect(new S3Store({ url, env }).location).toBe(location);
    expect(Place.parse(url, '/srv').location).toBe(location);
  });

  it.each([
    ['s3:/bucket/a', /s3:\/\/BUCKET\/PREFIX/u],
    ['S3://bucket/a', /s3:\/\/BUCKET\/PREFIX/u],
    ['s3://', /s3:\/\/BUCKET\/PREFIX/u],
    ['s3://Bucket/a', /lower-case/u],
    ['s3://a_b/a', /lower-case/u],
    ['s3://bucket/a?region=eu-central-1', /no parameters/u],
    ['s3://bucket/a#b', /no parameters/u],
    ['s3://AKIA1:s3cr3t@bucket/a', /credentials and ports/u],
    ['s3://s3cr3t/x@127.0.0.1:9000/a?s3cr3t', /no parameters/u],
    ['s3://127.0.0.1:9000/bucket', /credentials and ports/u],
    ['s3://bucket/a//b', /no empty steps/u],
    ['s3://bucket/../b', /no empty steps/u],
    ['s3://bucket/a\nb', /no control characters/u],
    [`s3://bucket/${'é'.repeat(500)}`, /768 bytes/u],
  ])('is refused, and not shown: %j', (url, message) => {
    const error = thrownBy(() => new S3Store({ url, env }));
    expect(error).toBeInstanceOf(S3AddressError);
    expect(error.message.replaceAll('\n', ' ')).toMatch(message);
    expect(error.message).not.toContain('s3cr3t');
  });

  it.each(['s3://bucket', 's3://bucket/', 's3://bucket/a/'])(
    'is not that of an object: %s',
    (url) => {
      expect(thrownBy(() => uploadTo(url, env)).message).toMatch(/an object in S3 is named by/u);
    },
  );

  it.each(['localhost:9000', 'ftp://localhost', 'http://me:s3cr3t@localhost', 'http://x/?s3cr3t'])(
    'is not reached through the endpoint %s',
    (endpoint) => {
      const options = { url: 's3://bucket', env: { AWS_ENDPOINT_URL: endpoint } };
      const error = thrownBy(() => new S3Store(options));
      expect(error.message).toMatch(/^AWS_ENDPOINT_URL /u);
      expect(error.message).not.toContain('s3cr3t');
    },
  );
});

function thrownBy(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
