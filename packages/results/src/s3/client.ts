import { S3Client } from '@aws-sdk/client-s3';
import { S3AddressError } from './address.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const CONNECT_TIMEOUT_MS = 10_000;
/** Without a byte in either direction. */
const IDLE_TIMEOUT_MS = 30_000;
/** Where Amazon redirects from to any other one. Other servers take every region. */
const DEFAULT_REGION = 'us-east-1';

const nothing = (): void => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * A client that finds credentials, and an endpoint and region that the environment does not name,
 * as all software with this SDK does: environment, shared files, container, machine.
 *
 * @throws S3AddressError if AWS_ENDPOINT_URL is no address
 */
export function createClient(env: Environment, idleTimeoutMs = IDLE_TIMEOUT_MS): S3Client {
  const endpoint = readEndpoint(env);
  const named = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'];
  let region: Promise<string> | undefined;
  return new S3Client({
    region: named || (async () => (region ??= regionOfProfile())),
    // Servers at an address of their own rarely have a name for each bucket.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    followRegionRedirects: true,
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_TIMEOUT_MS, idleTimeoutMs),
      socketTimeout: idleTimeoutMs,
      // It would write to the console when many requests wait for a connection.
      logger: SILENT,
    },
  });
}

async function regionOfProfile(): Promise<string> {
  const client = new S3Client();
  try {
    return await client.config.region();
  } catch {
    return DEFAULT_REGION;
  } finally {
    client.destroy();
  }
}

/** Not shown where it is wrong: it may hold a password. */
function readEndpoint(env: Environment): string | undefined {
  const text = env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'];
  if (text === undefined || text === '') {
    return undefined;
  }
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new S3AddressError('AWS_ENDPOINT_URL is no address: write http(s)://HOST:PORT');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new S3AddressError('AWS_ENDPOINT_URL has no user, password or parameters');
  }
  return text;
}
