import { secretNames } from '../model/secrets.ts';
import type { Crawl } from '../model/plan.ts';

/**
 * Warnings about a valid crawl file that is probably not what its author meant.
 *
 * @param measured.plainOrigin an origin that gets secrets over plain http
 */
export function crawlWarnings(
  { plan }: Crawl,
  { plainOrigin }: { readonly plainOrigin?: string } = {},
): string[] {
  return [...warningsOfContact(plan), ...warningsOfSecrets(plan, plainOrigin)];
}

function warningsOfContact({ headers, contact }: Crawl['plan']): string[] {
  const hasOwnAgent = headers['user-agent'] !== undefined;
  if (hasOwnAgent && contact !== undefined) {
    return ['contact is not sent: headers.user-agent replaces the whole User-Agent'];
  }
  if (hasOwnAgent || contact !== undefined) {
    return [];
  }
  return [
    'the crawl file names no contact, so the operators of an origin cannot reach you before they block you; ' +
      'add contact: (an email address or a URL)',
  ];
}

function warningsOfSecrets({ headers }: Crawl['plan'], plainOrigin: string | undefined): string[] {
  if (plainOrigin === undefined) {
    return [];
  }
  const names = secretNames(headers).join(', ');
  return [
    `${names} travels to ${plainOrigin} over plain http, where everybody on the way can read it; ` +
      'write https:// if the origin has it',
  ];
}
