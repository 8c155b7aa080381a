import { ProxyRules } from '@fetchfleet/crawl';
import { type ExaminedNames, examineNames, ignoredProxies, shownProxy } from '@fetchfleet/fetcher';
import { isTlsUnchecked, UNCHECKED_TLS } from '@fetchfleet/service/unchecked-tls';
import type { Context } from '../../core/context.ts';
import { proxyRoutes } from '../../core/proxy-routes.ts';
import { formatCount } from '../../report/units.ts';
import { type Finding, findingsOf, ok, problem, warning } from './finding.ts';

/** Names are kept, but a batch of many origins waits for each of them once. */
const SLOW_MS = 200;

/** How fetches from this machine leave it. */
export async function networkFindings({ env }: Pick<Context, 'env'>): Promise<readonly Finding[]> {
  const proxies = await findingsOf('proxies', async () => proxyFindings(env));
  const names = await findingsOf('DNS', async () => nameFindings(await examineNames()));
  return [...names, ...proxies, certificatesFinding(env)];
}

/** What to say of the name servers and of the search for names. */
export function nameFindings({ servers, search, ndots }: ExaminedNames): readonly Finding[] {
  return [serversFinding(servers), searchFinding({ search, ndots })];
}

function serversFinding(servers: ExaminedNames['servers']): Finding {
  const silent = servers.filter(({ failure }) => failure !== undefined);
  const answers = servers
    .map(({ address, answerMs, failure }) =>
      failure === undefined
        ? `${address} answers in ${formatCount(answerMs)} ms`
        : `${address} ${failure}`,
    )
    .join(', ');
  if (silent.length === servers.length) {
    return problem(
      'DNS',
      `${answers === '' ? 'there is no name server' : answers}: no host name resolves but those of ` +
        '/etc/hosts; correct /etc/resolv.conf',
    );
  }
  if (silent.length > 0) {
    return warning('DNS', `${answers}: take the silent one out of /etc/resolv.conf`);
  }
  return servers.some(({ answerMs }) => answerMs > SLOW_MS)
    ? warning('DNS', `${answers}: use a nearer name server, or a cache on this machine`)
    : ok('DNS', answers);
}

/** With more dots asked for, every host of a crawl is looked for in all the domains first. */
function searchFinding({ search, ndots }: Pick<ExaminedNames, 'search' | 'ndots'>): Finding {
  const domains = search.join(', ');
  if (search.length === 0) {
    return ok('search', 'no domains');
  }
  return ndots > 1
    ? warning(
        'search',
        `names with fewer than ${ndots} dots are first looked for below ${domains}: set ndots to ` +
          '1, or write hosts with a dot at their end',
      )
    : ok('search', `names without a dot are looked for below ${domains}`);
}

async function proxyFindings(env: Context['env']): Promise<readonly Finding[]> {
  const routes = await proxyRoutes(env);
  if (routes !== undefined) {
    const proxies = new Set([...routes.https, ...routes.http].map(shownProxy));
    return [ok('proxies', `fetches go through ${[...proxies].join(', ')}`)];
  }
  const allowProxy = ProxyRules.parse(env['FETCHFLEET_ALLOW_PROXY'] ?? '');
  const ignored = ignoredProxies(env, { proxy: '', allowProxy });
  return [
    ignored.length === 0
      ? ok('proxies', 'none')
      : warning(
          'proxies',
          `set but ignored: ${ignored.join(', ')}; fetches go through them with ` +
            'FETCHFLEET_PROXY=env',
        ),
  ];
}

function certificatesFinding(env: Context['env']): Finding {
  return isTlsUnchecked(env)
    ? warning('certificates', `${UNCHECKED_TLS}; unset it`)
    : ok('certificates', 'checked');
}
