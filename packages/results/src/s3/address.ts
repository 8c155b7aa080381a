/** An address, an endpoint or what they name is not one. Nothing was read or written. */
export class S3AddressError extends Error {
  override readonly name = 'S3AddressError';
  readonly code = 'S3_ADDRESS_INVALID';
}

/** A bucket, and a prefix or key in it. */
export interface S3Address {
  readonly bucket: string;
  /** Without a slash at its ends; empty for the whole bucket. */
  readonly path: string;
}

const ADDRESS = /^s3:\/\/([^/]*)(?:\/(.*))?$/su;
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/u;
/** Keys have 1,024 bytes, and those of parts go on with batch and worker. */
const MAX_PATH_BYTES = 768;

/** Whether somebody means S3 by it, perhaps with a mistake. */
export function isS3Address(text: string): boolean {
  return /^s3:/iu.test(text);
}

/**
 * Reads `s3://bucket/prefix`. What is refused is not shown: it may hold a password.
 *
 * @throws S3AddressError
 */
export function parseS3Address(text: string): S3Address {
  const [, bucket = '', rest = ''] = ADDRESS.exec(text) ?? [];
  if (bucket.includes('@') || bucket.includes(':')) {
    throw new S3AddressError(
      'credentials and ports are no part of an S3 address: set AWS_ACCESS_KEY_ID, ' +
        'AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL',
    );
  }
  if (text.includes('?') || text.includes('#')) {
    throw new S3AddressError(
      'an S3 address has no parameters: set AWS_REGION and AWS_ENDPOINT_URL instead of "?…"',
    );
  }
  if (!BUCKET_NAME.test(bucket)) {
    throw new S3AddressError(
      'a place in S3 is named by s3://BUCKET/PREFIX; a bucket has 3 to 63 lower-case letters, ' +
        'digits, "." and "-"',
    );
  }
  return { bucket, path: readPath(rest.replace(/\/$/u, '')) };
}

/** @throws S3AddressError, also if it names a folder */
export function parseS3Key(text: string): S3Address {
  const address = parseS3Address(text);
  if (address.path === '' || text.endsWith('/')) {
    throw new S3AddressError('an object in S3 is named by s3://BUCKET/KEY, without "/" at its end');
  }
  return address;
}

function readPath(path: string): string {
  if (path === '') {
    return path;
  }
  const isOdd = path.split('/').some((step) => ['', '.', '..'].includes(step));
  if (isOdd || /\p{Cc}/u.test(path) || !path.isWellFormed()) {
    throw new S3AddressError(
      'the key or prefix of an S3 address has no empty steps, no "." or "..", and no control ' +
        'characters',
    );
  }
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new S3AddressError(`the prefix of an S3 address has at most ${MAX_PATH_BYTES} bytes`);
  }
  return path;
}
