import type { Auth, ClientCredentials, Network } from '../model/plan.ts';
import { mentionsSecret, secretNames, withoutSecrets } from '../access/secrets.ts';
import { problemOfUrl } from '../model/url.ts';
import type { Field } from '../yaml/field.ts';
import { readChoice, readText } from '../yaml/read-field.ts';

const KINDS = ['basic', 'bearer', 'oauth2'] as const;
const CLIENT_KEYS = ['tokenUrl', 'clientId', 'clientSecret', 'scope', 'audience', 'style'] as const;

/** A token as a header may have it (RFC 6750, section 2.1). */
const TOKEN = /^[\w.~+/=-]*$/;
const VISIBLE_ASCII = /^[\x20-\x7e]*$/;

const WITHOUT_SECRET =
  'a crawl file must not contain credentials; write ${env:NAME} and set the variable';

export interface AuthContext {
  readonly network: Network;
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads what requests are authorized by. Messages never quote a value that may be a credential. */
export function readAuth(
  field: Field | undefined,
  { network, headers }: AuthContext,
): Auth | undefined {
  const at = mappingOf(field, KINDS);
  const given = KINDS.filter((kind) => at?.(kind) !== undefined);
  const [kind, ...others] = given;
  if (field === undefined || at === undefined || !field.isMap) {
    return undefined;
  }
  if (kind === undefined || others.length > 0) {
    field.report(`exactly one of ${KINDS.join(', ')} is needed`);
    return undefined;
  }
  if (headers['authorization'] !== undefined) {
    field.reportKey('headers.authorization is set as well; remove one of the two');
  }
  if (kind === 'oauth2') {
    return readClient(at(kind), network);
  }
  return kind === 'basic' ? readBasic(at(kind)) : readBearer(at(kind));
}

/** Whoever writes a token where a mapping belongs must not see it in a log. */
function mappingOf<Key extends string>(
  field: Field | undefined,
  keys: readonly Key[],
): ReturnType<typeof Field.prototype.section<Key>> | undefined {
  if (field?.isMap === false) {
    field.reportKey(`a mapping is needed, with the keys ${keys.join(', ')}`);
    return undefined;
  }
  return field?.section(keys);
}

function readBasic(field: Field | undefined): Auth | undefined {
  const at = mappingOf(field, ['user', 'password']);
  const user = readCredential(field, at?.('user'), 'user');
  if (user !== undefined && withoutSecrets(user).includes(':')) {
    at?.('user')?.report('a user has no colon: it ends where the password begins');
  }
  const password = readSecret(field, at?.('password'), 'password');
  return user === undefined || password === undefined ? undefined : { basic: { user, password } };
}

function readBearer(field: Field | undefined): Auth | undefined {
  const bearer = readSecret(field, field, 'bearer');
  if (bearer !== undefined && !TOKEN.test(withoutSecrets(bearer))) {
    field?.report('a token has letters, digits and -._~+/= only; the word Bearer is added to it');
  }
  return bearer === undefined ? undefined : { bearer };
}

function readClient(field: Field | undefined, network: Network): Auth | undefined {
  const at = mappingOf(field, CLIENT_KEYS);
  const tokenUrl = readTokenUrl(field, at?.('tokenUrl'), network);
  const clientId = readCredential(field, at?.('clientId'), 'clientId');
  const clientSecret = readSecret(field, at?.('clientSecret'), 'clientSecret');
  const scope = readWords(at?.('scope'));
  const audience = readWords(at?.('audience'));
  const style = readChoice(at?.('style'), ['basic', 'form']);
  if (tokenUrl === undefined || clientId === undefined || clientSecret === undefined) {
    return undefined;
  }
  const oauth2: ClientCredentials = {
    tokenUrl,
    clientId,
    clientSecret,
    ...(scope !== undefined && { scope }),
    ...(audience !== undefined && { audience }),
    ...(style === 'form' && { style }),
  };
  return { oauth2 };
}

function readTokenUrl(
  parent: Field | undefined,
  field: Field | undefined,
  network: Network,
): string | undefined {
  if (field === undefined) {
    if (parent?.isMap === true) {
      parent.report('tokenUrl is missing');
    }
    return undefined;
  }
  const text = readText(field);
  if (text === undefined || mentionsSecret(text)) {
    return undefined;
  }
  const problem = problemOfUrl(text, network);
  if (problem !== undefined) {
    field.report(problem);
    return undefined;
  }
  return new URL(text).href;
}

/** A text that may hold secrets, and has to be there. */
function readCredential(
  parent: Field | undefined,
  field: Field | undefined,
  key: string,
): string | undefined {
  if (field === undefined) {
    if (parent?.isMap === true) {
      parent.report(`${key} is missing`);
    }
    return undefined;
  }
  if (field.text === undefined || field.text === '') {
    field.reportKey(`${key} must be a single text`);
    return undefined;
  }
  if (mentionsSecret(withoutSecrets(field.text))) {
    field.reportKey('a secret is written ${env:NAME}; NAME consists of letters, digits and _');
    return undefined;
  }
  if (field.text.includes('{{')) {
    field.reportKey(`{{name}} is the value of a parameter, and ${key} is one for all fetches`);
    return undefined;
  }
  return field.text;
}

function readSecret(
  parent: Field | undefined,
  field: Field | undefined,
  key: string,
): string | undefined {
  const text = readCredential(parent, field, key);
  if (text !== undefined && secretNames({ text }).length === 0) {
    field?.reportKey(WITHOUT_SECRET);
  }
  return text;
}

function readWords(field: Field | undefined): string | undefined {
  const text = readText(field);
  if (text !== undefined && !VISIBLE_ASCII.test(text)) {
    field?.report(`${field.shown} is not allowed; allowed: visible ASCII`);
  }
  return text;
}
