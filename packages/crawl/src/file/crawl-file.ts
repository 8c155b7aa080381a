import { isUtf8 } from 'node:buffer';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import slugify from '@sindresorhus/slugify';
import { isMap, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { NAME_PATTERN } from '../model/batch-id.ts';
import { InputError, type Problem, reasonOfFileError } from '../model/input-error.ts';
import { isNamedPipe, refuseNamedPipe } from '../model/named-pipe.ts';
import { readExpectation, readKeep } from './answers.ts';
import { readAuth } from './auth.ts';
import { readContact } from './contact.ts';
import { readHeaders } from './headers.ts';
import {
  type ParameterField,
  type ParameterFields,
  readParams,
  type SourceField,
} from './parameters/params.ts';
import { readNotify } from './notify.ts';
import { readPaginate } from './paginate.ts';
import { readRevalidate } from './revalidate.ts';
import { checkUse, readRequest } from './request.ts';
import { readRows } from './parameters/rows.ts';
import { readLimits, readNetwork, readPoliteness, readRetry } from './settings.ts';
import { readUrl } from './parameters/url-template.ts';
import { readUrls } from './parameters/urls.ts';
import { isRemoteList } from '../values/list-file.ts';
import { HALF_A_PAIR } from '../values/list-row.ts';
import { problemOfUrl } from '../model/url.ts';
import type { Crawl, NetworkPolicy, ParameterSource, Plan } from '../model/plan.ts';
import { isListFile, labelOf } from '../model/parameter-source.ts';
import { mentionsSecret } from '../access/secrets.ts';
import { problemOfCounts, sourceLength } from '../values/source-length.ts';
import { valueChecks } from '../request/value-checks.ts';
import { aliasTargets, Field, type YamlFile } from '../yaml/field.ts';
import { readChoice } from '../yaml/read-field.ts';

/** The whole crawl file is held in memory and in Redis; longer lists belong in list files. */
const MAX_FILE_BYTES = 4 * 2 ** 20;

/** Further problems are counted. */
const MAX_PROBLEMS = 100;

const KEYS = [
  'name',
  'contact',
  'url',
  'urls',
  'method',
  'rows',
  'params',
  'combine',
  'headers',
  'body',
  'idempotencyKey',
  'politeness',
  'retry',
  'limits',
  'network',
  'paginate',
  'expect',
  'keep',
  'revalidate',
  'auth',
  'priority',
  'notify',
] as const;

/** Where secrets may stand besides `headers`. */
const SECRET_PLACES =
  /^(?:network\.proxy|notify(?:\.(?:url|secret))?|auth\.(?:basic\.(?:user|password)|bearer|oauth2\.(?:clientId|clientSecret)))$/;

/** A crawl file as far as it could be read, with its problems. */
interface Reading {
  readonly file: YamlFile;
  readonly sources: readonly SourceField[];
  readonly crawl?: Crawl;
}

/**
 * Parses a crawl file (YAML or JSON).
 *
 * @param fileName used in messages, for the default name, and as the base of relative `file:` paths
 * @throws InputError with all problems of the file
 */
export function parseCrawlFile(text: string, fileName: string): Crawl {
  return finish(readCrawl(text, fileName));
}

/**
 * Reads a crawl file from disk.
 *
 * @throws InputError with all problems of the file, including missing list files
 */
export async function readCrawlFile(path: string): Promise<Crawl> {
  const reading = readCrawl(await readText(path), path);
  await Promise.all(reading.sources.map(checkListFile));
  return finish(reading);
}

function finish({ file, crawl }: Reading): Crawl {
  if (file.problems.length > 0 || crawl === undefined) {
    throw new InputError(firstOf(file.problems.toSorted(byPlace)));
  }
  return crawl;
}

function readCrawl(text: string, fileName: string): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // It compares each key with all others: 19 s for 20,000 keys. `Field` finds repeated ones.
    uniqueKeys: false,
  });
  const targets = aliasTargets(document);
  const file: YamlFile = { name: fileName, document, lines, targets, problems: [] };
  for (const { message, pos } of [...document.errors, ...document.warnings]) {
    const { line, col } = lines.linePos(pos[0]);
    file.problems.push({ file: fileName, line, column: col, message });
  }
  // Values from broken YAML would be guesses.
  if (document.errors.length > 0) {
    return { file, sources: [] };
  }
  const root = new Field(file, { key: '', node: document.contents });
  if (!root.isMap) {
    root.report(`${root.shown} is not a crawl file; a crawl file is a mapping with the key url`);
    return { file, sources: [] };
  }
  reportSecrets(file);
  reportHalves(file);
  return { file, ...readRoot(root, fileName) };
}

function readRoot(root: Field, fileName: string): Pick<Reading, 'sources' | 'crawl'> {
  const at = root.section(KEYS);
  if (at('url') === undefined && at('urls') === undefined) {
    root.report('url is missing');
  } else if (at('urls') !== undefined) {
    at('url')?.reportKey('urls: has whole URLs; remove either url: or urls:');
  }
  const network = readNetwork(at('network'), fileName);
  const { params, sources } = joined([
    readRows(at('rows'), fileName),
    readUrls(at('urls'), { crawlFile: fileName, network }),
    readParams(at('params'), fileName),
  ]);
  const combine = readChoice(at('combine'), ['product', 'zip']) ?? 'product';
  const contact = readContact(at('contact'));
  const url = readUrl(at('urls') ?? at('url'), { params, network });
  const names = params.map(({ name }) => name);
  const request = readRequest(at, names);
  const paginate = readPaginate(at('paginate'), request);
  const expect = readExpectation(at('expect'), request);
  const keep = readKeep(at('keep'), request);
  const headers = readHeaders(at('headers'), names);
  const isRevalidating = readRevalidate(at('revalidate'), { ...request, headers, paginate });
  const auth = readAuth(at('auth'), { network, headers });
  const priority = readChoice(at('priority'), ['low', 'normal', 'high']);
  const notify = readNotify(at('notify'), network);
  const plan: Plan = {
    name: readName(at('name'), root, fileName),
    ...(contact !== undefined && { contact }),
    url: url ?? '',
    ...request,
    params: names,
    headers,
    politeness: readPoliteness(at('politeness')),
    retry: readRetry(at('retry')),
    limits: readLimits(at('limits')),
    network,
    ...(paginate !== undefined && { paginate }),
    ...(expect !== undefined && { expect }),
    ...(keep !== undefined && { keep }),
    ...(isRevalidating && { revalidate: true }),
    ...(auth !== undefined && { auth }),
    ...(priority !== undefined && priority !== 'normal' && { priority }),
  };
  if (url !== undefined) {
    checkUse(params, plan);
    checkValues(sources, plan);
  }
  sources.forEach((source) => checkListUrl(source, network));
  const found = sources.map(({ source }) => source);
  const problem = problemOfCounts(knownCounts(found), combine);
  if (problem !== undefined) {
    (at('combine') ?? at('params') ?? root).report(problem);
  }
  const crawl = { plan, sources: found, combine, ...(notify !== undefined && { notify }) };
  return { sources, crawl };
}

/** The parameters of all parts, in the order of the loops: the first is the outermost. */
function joined(parts: readonly ParameterFields[]): ParameterFields {
  const params: ParameterField[] = [];
  for (const part of parts) {
    for (const param of part.params) {
      if (params.some(({ name }) => name === param.name)) {
        param.field.reportKey(
          `rows: or urls: gives the parameter ${param.name} its values already`,
        );
      }
    }
    params.push(...part.params);
  }
  return { params, sources: parts.flatMap(({ sources }) => sources) };
}

function readName(field: Field | undefined, root: Field, fileName: string): string {
  const name = field === undefined ? nameOfFile(fileName) : (field.text ?? '');
  if (NAME_PATTERN.test(name)) {
    return name;
  }
  const rule = 'allowed: a-z, 0-9 and -, beginning with a letter or digit, up to 63 characters';
  if (field === undefined) {
    root.report(`the file name cannot be used as a name; add name: (${rule})`);
  } else {
    field.report(`${field.shown} is not a valid name; ${rule}`);
  }
  return '';
}

function nameOfFile(fileName: string): string {
  const slug = slugify(basename(fileName, extname(fileName)));
  return slug.replaceAll(/[^a-z0-9-]/g, '-').slice(0, 63);
}

/** Leaves out counts of zero: empty lists have been reported already. */
function knownCounts(sources: readonly ParameterSource[]): Record<string, number> {
  const counts = sources.map((source) => [labelOf(source), sourceLength(source)] as const);
  return Object.fromEntries(
    counts.flatMap(([name, count]) => (count === undefined || count <= 0 ? [] : [[name, count]])),
  );
}

/** Secrets are resolved in few places; elsewhere they would end up in Redis and in records. */
function reportSecrets(file: YamlFile): void {
  const holders = new Set<unknown>();
  const onSecret = (node: unknown, ancestors: readonly unknown[]): void => {
    [node, ...ancestors].forEach((holder) => holders.add(holder));
    const keys = ancestors
      .filter(isPair)
      .map(({ key }) => (isScalar(key) ? String(key.value) : ''));
    const isInHeaders = keys[0] === 'headers' && isMap(ancestors[1]);
    if (!isInHeaders && !SECRET_PLACES.test(keys.join('.'))) {
      new Field(file, { key: keys.join('.'), node: undefined, keyNode: node }).report(
        'secrets (${env:NAME}) are allowed in headers, auth, network.proxy and notify only',
      );
    }
  };
  visit(file.document, {
    Scalar(_, node, ancestors) {
      if (mentionsSecret(node.source ?? '')) {
        onSecret(node, ancestors);
      }
    },
    Alias(_, node, ancestors) {
      // What it stands for is written above.
      if (holders.has(file.targets.get(node))) {
        onSecret(node, ancestors);
      }
    },
  });
}

/** Half a surrogate pair is no character: UTF-8 has none for it, so another text would be sent. */
function reportHalves(file: YamlFile): void {
  visit(file.document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && !node.value.isWellFormed()) {
        const problem = `${JSON.stringify(node.value.slice(0, 80))} has ${HALF_A_PAIR}`;
        new Field(file, { key: '', node }).report(problem);
      }
    },
  });
}

/** The first problems, and how many there are besides. */
function firstOf(problems: readonly Problem[]): readonly Problem[] {
  const more = problems.length - MAX_PROBLEMS;
  const [first] = problems;
  if (more <= 0 || first === undefined) {
    return problems;
  }
  const message = more === 1 ? '1 more problem' : `${more} more problems`;
  return [...problems.slice(0, MAX_PROBLEMS), { file: first.file, message }];
}

function byPlace(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** Values of list files are checked when the files are read. */
function checkValues(sources: readonly SourceField[], plan: Plan): void {
  const checks = valueChecks(plan);
  for (const { field, source } of sources) {
    if (source.kind !== 'list') {
      continue;
    }
    for (const [at, item] of field.items().entries()) {
      const problem = checks.get(source.name)?.(source.values[at] ?? '');
      if (problem !== undefined) {
        item.report(problem);
      }
    }
  }
}

/** Checks the text of a list URL. It is fetched later. */
function checkListUrl({ field, source }: SourceField, network: NetworkPolicy): void {
  if (!isListFile(source) || !isRemoteList(source.path)) {
    return;
  }
  const problem = problemOfUrl(source.path, network);
  if (problem !== undefined) {
    field.report(problem);
  }
}

async function checkListFile({ field, source }: SourceField): Promise<void> {
  if (!isListFile(source) || isRemoteList(source.path)) {
    return;
  }
  const found = await stat(source.path).catch(() => undefined);
  if (found === undefined) {
    field.report(`the file ${source.path} does not exist`);
  } else if (found.isDirectory()) {
    field.report(`${source.path} is a folder, not a file`);
  } else if (isNamedPipe(source.path)) {
    field.report(`${source.path} is a named pipe, not a file`);
  }
}

async function readText(path: string): Promise<string> {
  const handle = await openFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const { size } = await handle.stat();
    if (size > MAX_FILE_BYTES) {
      throw new InputError([
        { file: path, message: 'larger than 4 MiB; put long lists into files (file:)' },
      ]);
    }
    const bytes = await handle.readFile().catch((error: unknown) => {
      throw unreadable(path, error);
    });
    if (isUtf8(bytes)) {
      return bytes.toString().replace(/^\ufeff/, '');
    }
    throw new InputError([{ file: path, message: 'the crawl file is not UTF-8 text' }]);
  } finally {
    await handle.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  refuseNamedPipe(path);
  return open(path);
}

function unreadable(path: string, cause: unknown): InputError {
  const message = `the crawl file cannot be read: ${reasonOfFileError(cause)}`;
  return new InputError([{ file: path, message }], { cause });
}
