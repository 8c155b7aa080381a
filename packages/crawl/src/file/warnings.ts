import type { Crawl } from '../model/plan.ts';

/** Warnings about a valid crawl file that is probably not what its author meant. */
export function crawlWarnings({ plan }: Crawl): string[] {
  const hasOwnAgent = plan.headers['user-agent'] !== undefined;
  if (hasOwnAgent && plan.contact !== undefined) {
    return ['contact is not sent: headers.user-agent replaces the whole User-Agent'];
  }
  if (hasOwnAgent || plan.contact !== undefined) {
    return [];
  }
  return [
    'the crawl file names no contact, so the operators of an origin cannot reach you before they block you; ' +
      'add contact: (an email address or a URL)',
  ];
}
