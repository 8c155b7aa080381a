import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { selfSigned } from '../origin/self-signed.ts';
import { freePort } from '../resources/free-port.ts';

/** Paths of a certificate that is its own authority, and of its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** @param names see {@link selfSigned} */
export async function certificateFiles(folder: string, names?: string): Promise<CertificateFiles> {
  const { cert, key } = selfSigned(names);
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  await Promise.all([writeFile(files.cert, cert), writeFile(files.key, key)]);
  return files;
}

/** Settings of redis.conf or sentinel.conf for a port with TLS beside the other one. */
export async function tlsSettings({ cert, key }: CertificateFiles) {
  return {
    'tls-port': String(await freePort()),
    'tls-cert-file': cert,
    'tls-key-file': key,
    'tls-ca-cert-file': cert,
    'tls-auth-clients': 'no',
  };
}
