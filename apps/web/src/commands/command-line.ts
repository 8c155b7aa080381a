import { isBatchId, isOrigin, NAME_PATTERN, type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import { z } from 'zod';
import { HttpError } from '../http/http-error.ts';

/** The largest crawl file that is taken. Lists that are longer belong to a URL. */
const MAX_CRAWL_FILE = 1024 * 1024;
/** Where the crawl file of a request is, in the folder of the command. */
export const CRAWL_FILE = 'crawl.yaml';

const COMMANDS = [
  'pause',
  'resume',
  'cancel',
  'retry',
  'prune',
  'start',
  'validate',
  'show',
  'fetch-again',
  'origins set',
  'origins unset',
  'origins try',
  'schedule add',
  'schedule pause',
  'schedule resume',
  'schedule run-now',
  'schedule remove',
  'drain',
] as const;

export const commandRequest = z.strictObject({
  command: z.enum(COMMANDS),
  target: z.string().max(2_048).optional(),
  options: z
    .record(
      z.string().max(32),
      z.union([z.string().max(2_048), z.boolean(), z.array(z.string().max(2_048)).max(100)]),
    )
    .optional(),
  crawlFile: z.string().max(MAX_CRAWL_FILE).optional(),
});

type CommandName = (typeof COMMANDS)[number];
export type ValidRequest = z.infer<typeof commandRequest>;

/** How the value of an option becomes a flag. */
type OptionRule =
  | { readonly flag: string; readonly kind: 'switch' }
  | {
      readonly flag: string;
      readonly kind: 'value' | 'list';
      readonly isValid: (value: string) => boolean;
    };

interface CommandRule {
  /** The words of the command line. */
  readonly words: readonly string[];
  /** What the target is, and whether it has the form of one. @default the command has none */
  readonly target?: {
    readonly noun: string;
    readonly isValid: (text: string) => boolean;
    readonly isOptional?: boolean;
  };
  readonly hasCrawlFile?: boolean;
  readonly options?: Readonly<Record<string, OptionRule>>;
  /** Options that stand behind the target. */
  readonly furtherArguments?: readonly string[];
  /** What has to be given. */
  readonly needs?: readonly string[];
}

const BATCH = { noun: 'the id of a batch', isValid: isBatchId };
const ORIGIN = { noun: 'an origin such as https://api.example', isValid: isOrigin };
const SCHEDULE = {
  noun: 'the id of a schedule',
  isValid: (text: string): boolean => NAME_PATTERN.test(text),
};

const WORKER = {
  noun: 'the id of a worker',
  isValid: (text: string): boolean => /^w-[a-z0-9]{1,40}$/u.test(text),
};

const FAILURES: readonly Outcome[] = OUTCOMES.filter((outcome) => outcome !== 'ok');
const isCount = (text: string): boolean => /^\d{1,10}$/u.test(text);
/** The command checks it: here it only has to be one short line. */
const isLine = (text: string): boolean => /^[^\p{Cc}]{1,200}$/u.test(text);
const isDuration = (text: string): boolean => /^\d+(?:\.\d+)?(?:ms|s|m|h|d)$|^0$/u.test(text);
const isRanges = (text: string): boolean => /^\d[\d,-]{0,999}$/u.test(text);

/** One command of the command line each: what it takes from a request, and nothing else. */
const RULES: Readonly<Record<CommandName, CommandRule>> = {
  pause: { words: ['pause'], target: BATCH },
  resume: { words: ['resume'], target: BATCH },
  cancel: { words: ['cancel'], target: BATCH },
  retry: {
    words: ['retry'],
    target: BATCH,
    options: {
      outcome: list('--outcome', (text) => FAILURES.some((one) => one === text)),
      status: list('--status', isRanges),
      origin: list('--origin', isOrigin),
      index: list('--index', isRanges),
    },
  },
  prune: {
    words: ['prune'],
    target: { ...BATCH, isOptional: true },
    options: {
      olderThan: value('--older-than', isDuration),
      state: list('--state', (text) => text === 'finished' || text === 'cancelled'),
      dryRun: { flag: '--dry-run', kind: 'switch' },
      yes: { flag: '--yes', kind: 'switch' },
    },
  },
  start: {
    words: ['start'],
    hasCrawlFile: true,
    options: {
      new: { flag: '--new', kind: 'switch' },
      limit: value('--limit', isCount),
      sample: value('--sample', isCount),
    },
  },
  validate: {
    words: ['validate'],
    hasCrawlFile: true,
    options: {
      limit: value('--limit', isCount),
      sample: value('--sample', isCount),
      askWorkers: { flag: '--ask-workers', kind: 'switch' },
    },
  },
  show: { words: ['show'], target: BATCH },
  'fetch-again': {
    words: ['show', '--again'],
    target: BATCH,
    options: { index: value('', isCount) },
    furtherArguments: ['index'],
    needs: ['index'],
  },
  'origins set': {
    words: ['origins', 'set'],
    target: ORIGIN,
    options: {
      rate: value('--rate', (text) => /^(?:unlimited|\d{1,9}(?:\.\d{1,6})?\/[smh])$/u.test(text)),
      burst: value('--burst', isCount),
      concurrency: value('--concurrency', (text) => text === 'unlimited' || isCount(text)),
      forget: { flag: '--forget', kind: 'switch' },
    },
  },
  'origins unset': { words: ['origins', 'unset'], target: ORIGIN },
  'origins try': { words: ['origins', 'try'], target: ORIGIN },
  'schedule add': {
    words: ['schedule', 'add'],
    hasCrawlFile: true,
    options: {
      cron: value('--cron', isLine),
      tz: value('--tz', isLine),
      id: value('--id', SCHEDULE.isValid),
      overlap: value('--overlap', (text) => ['skip', 'queue', 'allow'].includes(text)),
      catchUp: value('--catch-up', isDuration),
      keep: value('--keep', (text) => isCount(text) || isDuration(text)),
    },
    needs: ['cron'],
  },
  'schedule pause': { words: ['schedule', 'pause'], target: SCHEDULE },
  'schedule resume': { words: ['schedule', 'resume'], target: SCHEDULE },
  'schedule run-now': { words: ['schedule', 'run-now'], target: SCHEDULE },
  'schedule remove': { words: ['schedule', 'remove'], target: SCHEDULE },
  drain: { words: ['workers', 'drain'], target: WORKER },
};

/** Commands that change nothing: a viewer of a page that only shows may have them. */
export function isChange({ command, options }: Pick<ValidRequest, 'command' | 'options'>): boolean {
  return (
    command !== 'validate' &&
    command !== 'show' &&
    !(command === 'prune' && options?.['dryRun'] === true)
  );
}

/**
 * The arguments of the command line for a request. No value becomes a flag or another argument:
 * each has the form that its rule asks for, options are written `--flag=value`, and what follows
 * `--` is never a flag.
 *
 * @throws HttpError that says which value is wrong
 */
export function commandLineOf(request: ValidRequest): string[] {
  const { command, target, options = {}, crawlFile } = request;
  const rule = RULES[command];
  if ((crawlFile !== undefined) !== (rule.hasCrawlFile === true)) {
    throw refuse(`${command} takes ${rule.hasCrawlFile === true ? 'a' : 'no'} crawl file`);
  }
  const isTargetUnfit =
    target === undefined
      ? rule.target !== undefined && rule.target.isOptional !== true
      : rule.target === undefined;
  if (isTargetUnfit) {
    throw refuse(`${command} takes ${rule.target === undefined ? 'no' : 'a'} target`);
  }
  if (target !== undefined && rule.target?.isValid(target) === false) {
    throw refuse(`the target is not ${rule.target.noun}`);
  }
  const missing = rule.needs?.find((name) => options[name] === undefined);
  if (missing !== undefined) {
    throw refuse(`${command} needs the option ${missing}`);
  }
  const further = rule.furtherArguments ?? [];
  const flags = Object.entries(options).flatMap(([name, given]) => {
    const texts = flagsOf(command, name, given);
    return further.includes(name) ? [] : texts;
  });
  const last = rule.hasCrawlFile === true ? [CRAWL_FILE] : target === undefined ? [] : [target];
  const behind = further.map((name) => String(options[name]));
  return [...rule.words, '--json', ...flags, '--', ...last, ...behind];
}

function flagsOf(
  command: CommandName,
  name: string,
  given: string | boolean | readonly string[],
): string[] {
  const known = RULES[command].options ?? {};
  const rule = Object.hasOwn(known, name) ? known[name] : undefined;
  if (rule === undefined) {
    throw refuse(`${command} has no option ${JSON.stringify(name)}`);
  }
  if (rule.kind === 'switch') {
    if (typeof given !== 'boolean') {
      throw refuse(`the option ${name} is true or false`);
    }
    return given ? [rule.flag] : [];
  }
  const values = typeof given === 'string' ? [given] : given;
  if (typeof values === 'boolean' || (rule.kind === 'value' && values.length !== 1)) {
    throw refuse(`the option ${name} is ${rule.kind === 'value' ? 'one text' : 'a list of texts'}`);
  }
  const wrong = values.find((one) => !rule.isValid(one));
  if (wrong !== undefined) {
    throw refuse(`the option ${name} cannot be ${JSON.stringify(wrong.slice(0, 80))}`);
  }
  return values.map((one) => `${rule.flag}=${one}`);
}

function list(flag: string, isValid: (value: string) => boolean): OptionRule {
  return { flag, kind: 'list', isValid };
}

function value(flag: string, isValid: (value: string) => boolean): OptionRule {
  return { flag, kind: 'value', isValid };
}

function refuse(message: string): HttpError {
  return new HttpError(400, 'COMMAND_UNFIT', { message });
}
