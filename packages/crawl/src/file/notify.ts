import { problemOfNotifyUrl } from '../access/notify-url.ts';
import { mentionsSecret, secretNames, withoutSecrets } from '../access/secrets.ts';
import {
  DEFAULT_NOTIFY_EVENTS,
  MAX_NOTIFY_TARGETS,
  NOTIFY_EVENTS,
  type NotifyEvent,
  type NotifyTarget,
  targetOfUrl,
} from '../model/notify.ts';
import type { NetworkPolicy } from '../model/plan.ts';
import type { Field } from '../yaml/field.ts';
import { readChoice } from '../yaml/read-field.ts';

const KEYS = ['url', 'secret', 'on', 'failures', 'format'] as const;
const DEFAULT_SHARE = 0.1;
const PERCENT = /^(\d{1,3}(?:\.\d{1,4})?)\s*%$/;

/** Reads who is told of the batches: a URL, a mapping, or a list of both. */
export function readNotify(
  field: Field | undefined,
  network: NetworkPolicy,
): readonly NotifyTarget[] | undefined {
  if (field === undefined) {
    return undefined;
  }
  const items = field.isList ? field.items() : [field];
  if (items.length === 0 || items.length > MAX_NOTIFY_TARGETS) {
    field.report(`1 to ${MAX_NOTIFY_TARGETS} receivers are allowed`);
    return undefined;
  }
  return items.flatMap((item) => readTarget(item, network) ?? []);
}

function readTarget(field: Field, network: NetworkPolicy): NotifyTarget | undefined {
  if (field.text !== undefined) {
    const url = readUrl(field, network);
    return url === undefined ? undefined : targetOfUrl(url);
  }
  const at = field.section(KEYS);
  const urlField = at('url');
  if (urlField === undefined && field.isMap) {
    field.report('url is missing');
  }
  const url = urlField && readUrl(urlField, network);
  const secret = readSecret(at('secret'));
  const share = readShare(at('failures'));
  const on = readEvents(at('on'), share !== undefined);
  if (share !== undefined && !on.includes('failures')) {
    at('failures')?.reportKey('on: does not have failures, so that nobody is told');
  }
  const format = readChoice(at('format'), ['webhook', 'slack']);
  if (url === undefined) {
    return undefined;
  }
  return {
    url,
    ...(secret !== undefined && { secret }),
    on,
    ...(on.includes('failures') && { failures: share ?? DEFAULT_SHARE }),
    ...(format !== undefined && { format }),
  };
}

function readUrl(field: Field, network: NetworkPolicy): string | undefined {
  const { text = '' } = field;
  const problem = text === '' ? `${field.shown} is not a URL` : problemOfNotifyUrl(text, network);
  if (problem !== undefined) {
    field.report(problem);
    return undefined;
  }
  return text;
}

/** Messages never quote a value that may be the secret itself. */
function readSecret(field: Field | undefined): string | undefined {
  if (field === undefined) {
    return undefined;
  }
  const text = field.text ?? '';
  if (secretNames({ text }).length !== 1 || withoutSecrets(text) !== '') {
    const isMalformed = mentionsSecret(text);
    field.reportKey(
      isMalformed
        ? 'a secret is written ${env:NAME}; NAME consists of letters, digits and _'
        : 'a crawl file must not contain credentials; write ${env:NAME} and set the variable',
    );
    return undefined;
  }
  return text;
}

function readEvents(field: Field | undefined, hasShare: boolean): readonly NotifyEvent[] {
  if (field === undefined) {
    return hasShare ? [...DEFAULT_NOTIFY_EVENTS, 'failures'] : DEFAULT_NOTIFY_EVENTS;
  }
  const items = field.isList ? field.items() : [field];
  if (items.length === 0) {
    field.report(`an empty list is not allowed; allowed: ${NOTIFY_EVENTS.join(', ')}`);
  }
  const chosen = items.map((item) => readChoice(item, NOTIFY_EVENTS));
  return NOTIFY_EVENTS.filter((event) => chosen.includes(event));
}

/** `10%` is 0.1. */
function readShare(field: Field | undefined): number | undefined {
  if (field === undefined) {
    return undefined;
  }
  const [, digits] = PERCENT.exec(field.text ?? '') ?? [];
  const percent = Number(digits);
  if (percent > 0 && percent <= 100) {
    return percent / 100;
  }
  field.report(
    `${field.shown} is not a share; allowed: more than 0% up to 100%, written like 10%, with at ` +
      'most 4 decimals',
  );
  return undefined;
}
