import {
  compileAnswerRules,
  compileRequest,
  DEFAULT_SECRETS,
  type Plan,
  type RequestTemplate,
  namedSecrets,
  ProxyRules,
  resolveCredential,
  resolveText,
  secretHeaders,
  SecretRules,
  secretUses,
} from '@fetchfleet/crawl';
import { type NetworkAccess, resolveNetwork, userAgentFor } from '@fetchfleet/fetcher';
import { planOf } from '../../batch/find-batch.ts';
import type { Context } from '../../core/context.ts';
import { CommandError, type ExitCode, Problems } from '../../core/errors.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../../core/settings.ts';
import { compileFirstPage } from '../../crawl/first-page.ts';
import { localSecrets, secretProblems } from '../../crawl/local-secrets.ts';
import { withFleet } from '../../session/fleet-session.ts';
import { printRecord, type PrintOptions } from './print-record.ts';
import { exitCodeOf, type OneRequest, recordOf, sendOnce } from './send-once.ts';

export interface AgainOptions
  extends PrintOptions, Pick<RunFlags, 'transport' | 'secrets' | 'allowPrivate'> {
  readonly verbose?: boolean;
}

/** A fetch and its record. */
interface Recorded {
  readonly batch: string;
  readonly index: number;
  readonly line: string;
}

/**
 * Fetches anew what a record is of, as its batch does, and prints the new record. The parameters
 * are in the record, so the lists of the crawl are not needed.
 */
export async function fetchAgain(
  { batch, index, line }: Recorded,
  options: AgainOptions,
  context: Context,
): Promise<ExitCode> {
  const { transport, secrets, allowPrivate } = options;
  const flags = {
    ...(transport !== undefined && { transport }),
    ...(secrets !== undefined && { secrets }),
    ...(allowPrivate !== undefined && { allowPrivate }),
  };
  const found = readRunSettings(flags, context);
  return withFleet(context, { find: batch }, async (session) => {
    const plan = await planOf(session.ledger, batch);
    const params = paramsIn(line, plan);
    const values = plan.params.map((name) => params[name] ?? '');
    const settings = session.isPrivate
      ? privateSettings(found, plan, context.env)
      : sharedSettings(found, context.env);
    const request = requestOf(plan, values, { settings, context });
    const result = await sendOnce(
      {
        ...request,
        // That of the batch: the origin knows that it is the same.
        idempotencyKey: request.hasIdempotencyKey ? `${batch}-${index}-1` : undefined,
      },
      { settings, isVerbose: options.verbose === true, context },
    );
    const { method, url } = request;
    // Only judged, not cut: whoever looks at an answer wants to see all of it.
    const readAnswer = compileAnswerRules(
      plan.expect === undefined ? {} : { expect: plan.expect },
      () => [],
    );
    const verdict = result.kind === 'response' ? readAnswer?.(result).verdict : undefined;
    const start = { batch, index, params, method, url };
    await printRecord(recordOf(start, result, verdict), options, context);
    if (result.kind === 'failure') {
      context.terminal.error(result.message);
    }
    return exitCodeOf(result, verdict);
  });
}

type AgainSettings = RunSettings & {
  readonly secrets: SecretRules;
  readonly access: NetworkAccess;
};

const NO_TOKEN = 'auth.oauth2 needs a token, which only workers fetch';

/** As for the workers of this folder: nobody else writes to its Redis. */
function privateSettings(settings: RunSettings, plan: Plan, env: Context['env']): AgainSettings {
  const lists = { ...settings.lists, allowPrivate: true };
  const access = { allowProxy: ProxyRules.parse('*'), allowInsecureTls: true, env };
  return { ...settings, lists, secrets: localSecrets(settings, plan), access };
}

/** In a Redis that others share, a crawl may name any variable: only what workers send is sent. */
function sharedSettings(settings: RunSettings, env: Context['env']): AgainSettings {
  const access = { allowProxy: ProxyRules.parse(''), allowInsecureTls: false, env };
  return { ...settings, secrets: settings.secrets ?? SecretRules.parse(DEFAULT_SECRETS), access };
}

/** @throws CommandError if a secret may not be sent, or is not set */
function requestOf(
  plan: Plan,
  values: readonly string[],
  { settings, context: { env } }: { readonly settings: AgainSettings; readonly context: Context },
): OneRequest & Pick<RequestTemplate, 'hasIdempotencyKey'> {
  const names = namedSecrets(plan);
  const own = secretUses(plan).flatMap((use) => (use.origin === undefined ? [use.name] : []));
  const secrets = Object.fromEntries(names.map((name) => [name, env[name]]));
  const options = { userAgent: userAgentFor(plan.contact) };
  const shown = compileRequest(plan, options);
  const url = shown.expand(values);
  const origin = URL.parse(url)?.origin;
  if (origin === undefined) {
    throw notOfBatch('its parameters make no URL');
  }
  const { network, lackingPermissions } = resolveNetwork(plan.network, settings.access, secrets);
  const problems = new Problems();
  problems.add(
    ...secretProblems(settings, { ...plan, url: origin, params: [] }, env),
    ...(plan.auth !== undefined && 'oauth2' in plan.auth ? [NO_TOKEN] : []),
    ...lackingPermissions.map(({ text }) => text),
  );
  if (shown.constantOrigin === undefined) {
    problems.add(...unboundSecrets(own, origin, settings.secrets));
  }
  problems.throwIfAny('nothing was fetched');
  const sent = compileRequest(plan, {
    ...options,
    resolve: (text) => resolveText(text, secrets),
    credential: (text) => resolveCredential(text, secrets),
  });
  const headers = sent.headersOf(values);
  const authorized = plan.auth === undefined ? [] : ['authorization'];
  const { body, ...first } = compileFirstPage(plan)({ url, body: sent.bodyOf(values) });
  return {
    method: sent.method,
    url: first.url,
    hasIdempotencyKey: sent.hasIdempotencyKey,
    shownHeaders: shown.headersOf(values),
    headers,
    secretHeaders: [...secretHeaders(plan.headers), ...authorized],
    secrets: () =>
      [...Object.values(secrets), ...authorized.map((name) => headers[name])].flatMap(
        (value) => value ?? [],
      ),
    body,
    limits: plan.limits,
    network,
  };
}

/**
 * Where a parameter is part of the host, the record decides where a secret goes, and whoever can
 * write to the results folder can write a record. So the user has to name the origin.
 */
function unboundSecrets(names: readonly string[], origin: string, rules: SecretRules): string[] {
  return names
    .filter((name) => rules.verdict(name, 'https://unnamed.invalid') === 'allowed')
    .map(
      (name) =>
        `${name} is for any origin: to send it to this one, add --secrets ${name}@${origin}`,
    );
}

/** @throws CommandError if the record does not have the parameters of the batch */
function paramsIn(line: string, { params: names }: Plan): Readonly<Record<string, string>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type checks follow
  const { params } = JSON.parse(line) as { params?: Readonly<Record<string, unknown>> };
  const entries = names.map((name) => [name, params?.[name]] as const);
  const missing = entries.find(([, value]) => typeof value !== 'string');
  if (missing !== undefined) {
    throw notOfBatch(`it has no parameter ${missing[0]}`);
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function notOfBatch(why: string): CommandError {
  return new CommandError(`the record is not of this batch: ${why}`, { code: 'RECORD_MISSING' });
}
