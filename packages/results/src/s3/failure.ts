import { systemErrorCode } from '../folder/errors.ts';

/**
 * A request that failed, in our words. What the server and the SDK say is left out: it may quote
 * keys, tokens and what was signed.
 */
export class S3Failure extends Error {
  override readonly name = 'S3Failure';
  /** Code of S3 or of the system; `Error` if there is none. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** By code of S3. */
const REASONS: Readonly<Record<string, string>> = {
  AccessDenied: 'the credentials lack the right to do this',
  AllAccessDisabled: 'the bucket is locked',
  AuthorizationHeaderMalformed: 'the bucket is in another region: set AWS_REGION',
  BadDigest: 'the content was changed on its way',
  ConditionalRequestConflict: 'another request for this object is in progress',
  CredentialsProviderError:
    'no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
  ExpiredToken: 'the credentials have expired',
  InternalError: 'the server failed',
  InvalidAccessKeyId: 'the server does not know the access key',
  InvalidToken: 'the session token is not valid',
  NoSuchBucket: 'there is no such bucket',
  NoSuchKey: 'it is not there',
  NoSuchUpload: 'the upload was aborted by somebody else, or is complete already',
  NotImplemented: 'the server does not know such a request',
  PermanentRedirect: 'the bucket is in another region: set AWS_REGION',
  QuotaExceeded: 'the quota is used up',
  RequestTimeTooSkewed: 'the clock of this machine is wrong',
  RequestTimeout: 'the server waited too long for the content',
  ServiceUnavailable: 'the server asks to come back later',
  SignatureDoesNotMatch: 'the secret key is not the one of the access key',
  SlowDown: 'the server asks for fewer requests',
  TimeoutError: 'the server did not answer in time',
  TokenRefreshRequired: 'the credentials have expired',
  XAmzContentChecksumMismatch: 'the content was changed on its way',
  XAmzContentSHA256Mismatch: 'the content was changed on its way',
};

/** By code of the system. */
const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'the name of the server cannot be resolved',
  ECONNREFUSED: 'nothing listens at the address of the server',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'the server cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'the name of the server is not known',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'the server did not answer in time',
};

/** Of servers that refuse writes with a condition, or write in spite of it. */
export function unconditional(): S3Failure {
  return new S3Failure(
    'NotImplemented',
    'the server does not know If-None-Match, so objects could be overwritten and records lost: ' +
      'use a version or a server that does, as Amazon S3 and MinIO do',
  );
}

/** The failure behind anything that the SDK throws. */
export function toFailure(thrown: unknown): S3Failure {
  if (thrown instanceof S3Failure) {
    return thrown;
  }
  if (thrown instanceof Error && thrown.message.startsWith('Checksum mismatch')) {
    return new S3Failure('BadDigest', 'the content was changed on its way');
  }
  const code = codeOf(thrown);
  const status = statusOf(thrown);
  if (/CERT|SELF_SIGNED|ERR_SSL|ERR_TLS|UNABLE_TO/u.test(code)) {
    return new S3Failure(
      code,
      `the certificate of the server is not trusted (${code}): NODE_EXTRA_CA_CERTS names a file ` +
        'with an authority',
    );
  }
  const known = REASONS[code] ?? SYSTEM_REASONS[code];
  if (known !== undefined) {
    return new S3Failure(code, `${known} (${code})`);
  }
  if (status !== undefined) {
    return new S3Failure(code, `the server answered ${status} (${code})`);
  }
  return new S3Failure(code, `the request failed (${code})`);
}

/** Whether an object is missing. A bucket that is missing is another thing. */
export function isMissing(failure: S3Failure): boolean {
  return failure.code === 'NoSuchKey' || failure.code === 'NotFound';
}

function codeOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) {
    return 'Error';
  }
  // A name with several addresses fails with an error for each.
  if ('errors' in thrown && Array.isArray(thrown.errors)) {
    return codeOf(thrown.errors[0]);
  }
  // Node gives the errors of names and connections a code; the SDK puts that of S3 into the name.
  const system = systemErrorCode(thrown) ?? ('code' in thrown ? thrown.code : undefined);
  const found = [system, 'name' in thrown ? thrown.name : undefined].find(
    (one) => typeof one === 'string' && one !== 'Error' && /^[A-Za-z0-9_.]{1,60}$/u.test(one),
  );
  return typeof found === 'string' ? found : 'Error';
}

function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('$metadata' in thrown)) {
    return undefined;
  }
  const { $metadata } = thrown;
  const isGiven =
    typeof $metadata === 'object' && $metadata !== null && 'httpStatusCode' in $metadata;
  return isGiven && typeof $metadata.httpStatusCode === 'number'
    ? $metadata.httpStatusCode
    : undefined;
}
