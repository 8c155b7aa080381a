import {
  isReadableOnTheWay,
  originOf,
  resolveText,
  secretHeaders,
  secretNames,
} from '@fetchfleet/crawl';
import type { Context } from '../../core/context.ts';
import { type ExitCode, Problems } from '../../core/errors.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../../core/settings.ts';
import { secretProblems } from '../../crawl/local-secrets.ts';
import { printRecord } from './print-record.ts';
import { type FlaggedRequest, readRequestFlags, type RequestFlags } from './request-flags.ts';
import { exitCodeOf, type OneRequest, recordOf, sendOnce } from './send-once.ts';

export interface FetchOptions
  extends RequestFlags, Pick<RunFlags, 'transport' | 'secrets' | 'allowPrivate'> {
  readonly json?: boolean;
  /** Print only the body. */
  readonly body?: boolean;
  readonly verbose?: boolean;
}

/** `fetchfleet fetch URL`: one request, printed as a record. Needs no Redis. */
export async function fetchOnce(
  url: string,
  options: FetchOptions,
  context: Context,
): Promise<ExitCode> {
  const problems = new Problems();
  const settings = await problems.collect(() => readRunSettings(options, context));
  const flagged = await readRequestFlags(options, { cwd: context.cwd, problems });
  if (!isHttpUrl(url)) {
    problems.add('this is not an http or https URL');
  } else if (settings !== undefined) {
    const plan = { url: originOf(url), params: [], headers: flagged.headers };
    for (const problem of secretProblems(settings, plan, context.env)) {
      problems.add(`--header: ${problem}`);
    }
  }
  problems.throwIfAny('nothing was fetched');
  if (settings === undefined) {
    throw new Error('internal error: no problem was reported');
  }
  if (secretHeaders(flagged.headers).length > 0 && isReadableOnTheWay(url)) {
    context.terminal.warn('the secret can be read on the way: the URL is plain http');
  }
  const request = requestOf(url, flagged, { settings, env: context.env });
  const isVerbose = options.verbose === true;
  const result = await sendOnce(request, { settings, isVerbose, context });
  const { method } = request;
  const line = recordOf({ batch: 'fetch', index: 0, params: {}, method, url }, result);
  await printRecord(line, options, context);
  if (result.kind === 'failure') {
    context.terminal.error(result.message);
    if (result.outcome === 'address-refused' && !settings.lists.allowPrivate) {
      context.terminal.say('--allow-private reaches loopback and private addresses');
    }
  }
  return exitCodeOf(result);
}

function isHttpUrl(text: string): boolean {
  const protocol = URL.parse(text)?.protocol;
  return protocol === 'http:' || protocol === 'https:';
}

function requestOf(
  url: string,
  { method, headers, body, limits }: FlaggedRequest,
  { settings, env }: { readonly settings: RunSettings; readonly env: Context['env'] },
): OneRequest {
  const values = Object.fromEntries(secretNames(headers).map((name) => [name, env[name]]));
  const resolved = Object.entries(headers).map(([name, value]): [string, string] => [
    name,
    resolveText(value, values),
  ]);
  return {
    method,
    url,
    shownHeaders: headers,
    headers: Object.fromEntries(resolved),
    secretHeaders: secretHeaders(headers),
    secrets: () => Object.values(values).flatMap((value) => value ?? []),
    body,
    limits,
    network: { allowPrivate: settings.lists.allowPrivate, allow: [] },
  };
}
