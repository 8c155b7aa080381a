import type { NetworkPolicy } from '../model/plan.ts';
import { problemOfUrl } from '../model/url.ts';
import { mentionsSecret, secretNames, withoutSecrets } from './secrets.ts';

const MAX_URL_LENGTH = 2_048;
const IS_SECRET = /^\$\{env:[A-Za-z_][A-Za-z0-9_]*\}$/;

/**
 * The reason for which notifications cannot go to a URL. It may be a secret as a whole, or have
 * secrets behind its origin: then nothing is quoted of it.
 */
export function problemOfNotifyUrl(text: string, network: NetworkPolicy): string | undefined {
  if (IS_SECRET.test(text)) {
    return undefined;
  }
  if (text.length > MAX_URL_LENGTH) {
    return `a URL of more than ${MAX_URL_LENGTH} characters is not allowed`;
  }
  if (mentionsSecret(withoutSecrets(text))) {
    return 'a secret is written ${env:NAME}; NAME consists of letters, digits and _';
  }
  if (secretNames({ text }).length > 0 && notifyOrigin(text) === undefined) {
    return 'a secret in a URL stands behind the host, or is the whole URL';
  }
  return problemOfUrl(filledWith('a', text), network);
}

/** The origin of such a URL; undefined if only its secrets tell. */
export function notifyOrigin(text: string): string | undefined {
  const [one, other] = ['a', 'b'].map((value) => URL.parse(filledWith(value, text))?.origin);
  return one === other && one !== 'null' ? one : undefined;
}

function filledWith(value: string, text: string): string {
  return text.replaceAll(/\$\{env:[A-Za-z_][A-Za-z0-9_]*\}/g, value);
}
