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
