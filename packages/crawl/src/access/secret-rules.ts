import { placeOf, type SecretUse } from './secret-uses.ts';

/** One entry of `--secrets`: `CRAWL_*`, or `API_TOKEN@https://api.example`. */
interface SecretRule {
  readonly name: string;
  /** Whether names are meant that begin with `name`. */
  readonly isPattern: boolean;
  /** The only origin that gets the secret. @default any */
  readonly origin?: string;
}

/** What a secret may do on the way to an origin. */
export type SecretVerdict = 'allowed' | 'elsewhere-only' | 'refused';

/** Of a worker that was told nothing. The prefix is in no other program's variables. */
export const DEFAULT_SECRETS = 'FETCHFLEET_SECRET_*';

const ENTRY = /^([A-Za-z_][A-Za-z0-9_]*\*?|\*)(?:@(.+))?$/;

/**
 * Variables that hold the keys of the machine itself, or say how programs run. Only who starts the
 * worker may allow one, and no pattern does that does not spell its beginning.
 */
const RESERVED = [
  'REDIS_URL',
  'REDIS_SENTINEL_*',
  'REDIS_TLS_*',
  'FETCHFLEET_*',
  'AWS_*',
  'NODE_*',
  'PATH',
];

/** The text of `--secrets` cannot be read. It is not quoted: it may hold a value by mistake. */
export class SecretRulesError extends Error {
  override readonly name = 'SecretRulesError';
  readonly code = 'SECRETS_INVALID';
}

/**
 * Which variables of its environment a process may send, and where to. A crawl file can name any
 * variable, and whoever writes to Redis can write a crawl.
 */
export class SecretRules {
  /** Each entry as it was written, for the register of workers. */
  readonly entries: readonly string[];
  readonly #rules: readonly SecretRule[];

  private constructor(entries: readonly string[], rules: readonly SecretRule[]) {
    this.entries = entries;
    this.#rules = rules;
  }

  /**
   * Reads `CRAWL_*,API_TOKEN@https://api.example`. An empty text allows nothing.
   *
   * @throws SecretRulesError
   */
  static parse(text: string): SecretRules {
    const entries = text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
    return new SecretRules(entries, entries.map(parseEntry));
  }

  /**
   * Whether the value of a variable may go to an origin. A name that one entry binds to an origin
   * goes nowhere else, whatever other entries say.
   *
   * @param origin @default some origin: whether the value may go anywhere at all
   */
  verdict(name: string, origin?: string): SecretVerdict {
    const rules = this.#rules.filter((rule) => covers(rule, name));
    if (rules.length === 0) {
      return 'refused';
    }
    const bound = rules.flatMap((rule) => rule.origin ?? []);
    const isHere = bound.length === 0 || origin === undefined || bound.includes(origin);
    return isHere ? 'allowed' : 'elsewhere-only';
  }
}

/** Whether a variable is sent only if somebody allows it by name. */
export function isReservedVariable(name: string): boolean {
  return reservationsOf(name).length > 0;
}

/**
 * What the workers of a person's own machine may send for a crawl: the default, and what the crawl
 * names, to where it names it for. That is the origin of its URLs, if they have one.
 *
 * @param uses the variables that the crawl names
 */
export function ownSecrets(uses: readonly SecretUse[], origin: string | undefined): string {
  const free = uses.filter(({ name }) => !isReservedVariable(name));
  // A name that one entry binds goes nowhere else, whatever other entries say.
  const anywhere = new Set(
    free.flatMap((use) => (placeOf(use, origin) === undefined ? [use.name] : [])),
  );
  const entries = free.map((use) =>
    anywhere.has(use.name) ? use.name : `${use.name}@${placeOf(use, origin)}`,
  );
  return [DEFAULT_SECRETS, ...entries].join(',');
}

function parseEntry(entry: string, position: number): SecretRule {
  const [, pattern = '', url] = ENTRY.exec(entry) ?? [];
  if (pattern === '') {
    throw problemOf(position, 'is not a name such as API_TOKEN or CRAWL_*');
  }
  const isPattern = pattern.endsWith('*');
  const rule = { name: isPattern ? pattern.slice(0, -1) : pattern, isPattern };
  if (url === undefined) {
    return rule;
  }
  const origin = parseOrigin(url);
  if (origin === undefined) {
    throw problemOf(position, 'is not bound to an origin such as @https://api.example');
  }
  return { ...rule, origin };
}

function problemOf(position: number, what: string): SecretRulesError {
  return new SecretRulesError(
    `must be names of variables, separated by commas; entry ${position + 1} ${what}`,
  );
}

/** Undefined for anything but scheme, host and port. */
function parseOrigin(text: string): string | undefined {
  const url = /^https?:\/\/[^/?#@\\]+\/?$/i.test(text) ? URL.parse(text) : null;
  return url?.origin;
}

function covers({ name: own, isPattern }: SecretRule, name: string): boolean {
  if (!isPattern) {
    return own === name;
  }
  return name.startsWith(own) && reservationsOf(name).every((prefix) => own.startsWith(prefix));
}

/** The beginnings by which a name is reserved. Windows knows variables in any case. */
function reservationsOf(name: string): string[] {
  const upper = name.toUpperCase();
  if (upper.startsWith('FETCHFLEET_SECRET_')) {
    return [];
  }
  return RESERVED.flatMap((reserved) => {
    const isPrefix = reserved.endsWith('*');
    const text = isPrefix ? reserved.slice(0, -1) : reserved;
    return (isPrefix ? upper.startsWith(text) : upper === text) ? [text] : [];
  });
}
