import { isIP } from 'node:net';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { Trust } from './proxy.ts';

export interface TlsOptions {
  readonly secureContext?: SecureContext;
  readonly rejectUnauthorized?: false;
}

/**
 * What a transport gives to TLS. The context is made once for all its connections: reading the 150
 * authorities that Node knows takes milliseconds.
 */
export function tlsOptions({ ca, insecure = false }: Trust = {}): TlsOptions {
  return {
    ...(ca !== undefined && {
      secureContext: createSecureContext({ ca: [...getCACertificates('default'), ca] }),
    }),
    ...(insecure && { rejectUnauthorized: false }),
  };
}

/**
 * The name by which TLS asks for a host, and that its certificate must have: without a dot at its
 * end (RFC 6066, section 3); empty for an address, which has none.
 *
 * @param host an address of IPv6 without brackets
 */
export function serverNameOf(host: string): string {
  return isIP(host) === 0 ? host.replace(/\.$/, '') : '';
}
