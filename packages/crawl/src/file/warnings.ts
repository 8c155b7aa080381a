import { secretNames } from '../access/secrets.ts';
import { secretUses } from '../access/secret-uses.ts';
import { isReadableOnTheWay, originOf } from '../model/url.ts';
import type { Crawl } from '../model/plan.ts';

/**
 * Warnings about a valid crawl file that is probably not what its author meant.
 *
 * @param measured.plainOrigin an origin that gets secrets over plain http
 */
export function crawlWarnings(
  { plan, notify = [] }: Crawl,
  { plainOrigin }: { readonly plainOrigin?: string } = {},
): string[] {
  return [
    ...warningsOfContact(plan),
    ...warningsOfSecrets(plan, plainOrigin),
    ...warningsOfTls(plan),
    ...warningsOfNotify(notify),
  ];
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

function warningsOfSecrets(plan: Crawl['plan'], plainOrigin: string | undefined): string[] {
  const { auth } = plan;
  const tokenUrl = auth !== undefined && 'oauth2' in auth ? auth.oauth2.tokenUrl : undefined;
  const places = [
    ...(plainOrigin === undefined ? [] : [plainOrigin]),
    ...(tokenUrl !== undefined && isReadableOnTheWay(tokenUrl) ? [originOf(tokenUrl)] : []),
  ];
  return places.map((place) => {
    const names = secretUses(plan).flatMap(({ name, origin = plainOrigin }) =>
      origin === place ? [name] : [],
    );
    return (
      `${[...new Set(names)].join(', ')} travels to ${place} over plain http, where everybody on ` +
      'the way can read it; write https:// if the origin has it'
    );
  });
}

function warningsOfTls({ network }: Crawl['plan']): string[] {
  return network.tls?.insecure === true
    ? [
        'network.tls.insecure is set, so that certificates are not checked: everybody on the way ' +
          'can read and change what goes over TLS, secrets included',
      ]
    : [];
}

function warningsOfNotify(notify: NonNullable<Crawl['notify']>): string[] {
  const written = notify.some(
    ({ url }) =>
      URL.parse(url)?.hostname === 'hooks.slack.com' && secretNames({ url }).length === 0,
  );
  return written
    ? [
        'the URL of a Slack webhook is a secret itself, and this one is stored in Redis as it is; ' +
          'write ${env:NAME} in its place and set the variable where workers run',
      ]
    : [];
}
