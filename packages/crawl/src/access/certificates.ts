import { X509Certificate } from 'node:crypto';

/** It is stored with the crawl in Redis. */
export const MAX_CA_BYTES = 256 * 1_024;

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

/** Why a text is no list of certificates (PEM); undefined if it is. */
export function problemOfCertificates(pem: string): string | undefined {
  const blocks = [...pem.matchAll(BLOCK)];
  if (blocks.some(([, kind = '']) => kind.includes('PRIVATE KEY'))) {
    return 'the file holds a private key, which would be stored in Redis; remove it from there';
  }
  const certificates = blocks.filter(([, kind]) => kind === 'CERTIFICATE');
  if (certificates.length === 0) {
    return 'the file holds no certificate; expected is PEM, with lines like -----BEGIN CERTIFICATE-----';
  }
  const wrong = certificates.findIndex(([text]) => !isCertificate(text));
  return wrong === -1 ? undefined : `certificate ${wrong + 1} of the file cannot be read`;
}

/** The certificates alone, without what people write around them. */
export function certificatesOf(pem: string): string {
  const certificates = [...pem.matchAll(BLOCK)].filter(([, kind]) => kind === 'CERTIFICATE');
  return certificates.map(([text]) => `${text}\n`).join('');
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
