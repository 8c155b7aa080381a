import type { Crawl } from '../model/plan.ts';

/** What is allowed in a crawl file but hardly meant, one sentence each; empty if all is well. */
export function crawlWarnings({ plan }: Crawl): string[] {
  const hasOwnAgent = plan.headers['user-agent'] !== undefined;
  if (hasOwnAgent && plan.contact !== undefined) {
    return ['contact is not sent: headers.user-agent takes the place of the whole User-Agent'];
  }
  if (hasOwnAgent || plan.contact !== undefined) {
    return [];
  }
  return [
    'the crawl file names no contact, so nobody behind an origin can reach you before blocking you; ' +
      'add contact: (an email address or a URL)',
  ];
}
