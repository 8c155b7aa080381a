import { type Plan, proxyHosts } from '@fetchfleet/crawl';
import { type LoadedCrawl, requireCrawl } from '../crawl/load-crawl.ts';
import { secretPlanOf } from '../crawl/notify-flag.ts';
import type { OnlyFlags } from '../crawl/only-flags.ts';
import { type Preview, type PreviewRequest, previewCrawl } from '../crawl/preview.ts';
import { problemsOfWorkers } from '../crawl/warn-of-workers.ts';
import type { Context } from '../core/context.ts';
import { EXIT, type ExitCode, Problems } from '../core/errors.ts';
import type { ListFlags } from '../core/settings.ts';
import { countOf, formatCount, formatDuration } from '../report/units.ts';

export interface ValidateOptions extends Pick<ListFlags, 'allowPrivate' | 'results'>, OnlyFlags {
  readonly json?: boolean;
  /** Ask the fleet as well. */
  readonly askWorkers?: boolean;
}

/** Characters of a body on the screen; `--json` has it whole. */
const MAX_SHOWN_BODY = 1_000;

/**
 * `fetchfleet validate FILE`: what it would fetch, without a request to any origin of it.
 *
 * @param problemsOf why the caller could not fetch it. @default only warns of secrets that are not
 *   set: workers may have them
 */
export async function validate(
  file: string,
  options: ValidateOptions,
  context: Context,
  problemsOf?: (loaded: LoadedCrawl) => readonly string[],
): Promise<ExitCode> {
  const { terminal, interrupts } = context;
  const consequence = 'nothing would be fetched';
  const loaded = await requireCrawl(file, options, { context, consequence });
  const problems = new Problems();
  problems.add(...(problemsOf?.(loaded) ?? []));
  problems.throwIfAny(consequence);
  const { drain: signal } = interrupts.takeOver();
  const preview = await previewCrawl(loaded.local.crawl, signal);
  const { missingSecrets } = loaded;
  const { plan } = loaded.crawl;
  const workerProblems =
    options.askWorkers === true ? await askWorkers(loaded, context) : undefined;
  if (options.json === true) {
    const { leastMs = null, maxPages = null, ownHeaders: _, hasOwnBodies: __, ...rest } = preview;
    terminal.printJson({
      name: plan.name,
      ...rest,
      maxPages,
      leastMs,
      missingSecrets,
      workerProblems: workerProblems ?? null,
    });
    return EXIT.ok;
  }
  terminal.print(...describe(preview, plan));
  const warnings =
    workerProblems ?? missingSecrets.map((name) => `${name} is not set here; workers need it`);
  for (const warning of warnings) {
    terminal.warn(warning);
  }
  return EXIT.ok;
}

/** Why the workers of the fleet cannot fetch it. */
async function askWorkers({ crawl }: LoadedCrawl, context: Context): Promise<string[]> {
  // It loads the Redis client, which only this needs.
  const { withFleet } = await import('../session/fleet-session.ts');
  return withFleet(context, 'find', async (session) =>
    problemsOfWorkers(session, secretPlanOf(crawl)),
  );
}

function describe(preview: Preview, plan: Plan): string[] {
  const { total, origins, hasMoreOrigins, first, last } = preview;
  const more = total - first.length - last.length;
  const { headers = {}, body } = first[0] ?? {};
  return [
    `name      ${plan.name}`,
    `fetches   ${formatCount(total)}`,
    `origins   ${formatCount(origins)}${hasMoreOrigins ? ' and more' : ''}`,
    ...(preview.maxPages === undefined
      ? []
      : [`pages     up to ${formatCount(preview.maxPages)} for each fetch`]),
    `takes     ${timeOf(preview, plan)}`,
    ...(plan.network.proxy === undefined ? [] : [`through   ${shownProxies(plan.network.proxy)}`]),
    ...Object.entries(headers)
      .filter(([name]) => !preview.ownHeaders.includes(name))
      .map(([name, value]) => `header    ${name}: ${value}`),
    ...(body === undefined || preview.hasOwnBodies ? [] : [`body      ${shownBody(body)}`]),
    '',
    ...first.flatMap((request) => linesOf(request, preview)),
    ...(more > 0 ? [`  … ${formatCount(more)} more`] : []),
    ...last.flatMap((request) => linesOf(request, preview)),
  ];
}

/** Hosts and ports only. */
function shownProxies(proxy: NonNullable<Plan['network']['proxy']>): string {
  return proxy === 'env'
    ? 'the proxies that the environment of each worker names'
    : proxyHosts(proxy).join(', ');
}

/** A request, with what is not the same for all of them. */
function linesOf(request: PreviewRequest, { ownHeaders, hasOwnBodies }: Preview): string[] {
  const { index, method, url, headers, body } = request;
  return [
    `  #${index} ${method} ${url}`,
    ...ownHeaders.map((name) => `     ${name}: ${headers[name]}`),
    ...(hasOwnBodies && body !== undefined ? [`     body: ${shownBody(body)}`] : []),
  ];
}

function shownBody(body: string): string {
  return body.length > MAX_SHOWN_BODY ? `${body.slice(0, MAX_SHOWN_BODY)}…` : body;
}

function timeOf({ leastMs }: Preview, { politeness }: Plan): string {
  if (leastMs !== undefined) {
    return `at least ${formatDuration(leastMs)}, because of politeness.rate`;
  }
  return politeness.concurrency === 'unlimited'
    ? 'as long as the workers and the origins do: nothing is limited'
    : `as long as the origins do, with ${countOf(politeness.concurrency, 'fetch')} in flight at each`;
}
