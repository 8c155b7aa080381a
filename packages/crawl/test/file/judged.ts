import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import { Ajv } from 'ajv';
import { parseDocument } from 'yaml';
import { parseCrawlFile as parse } from '../../src/file/crawl-file.ts';
import { formatProblem, InputError } from '../../src/model/input-error.ts';
import type { Crawl } from '../../src/model/plan.ts';

const schema = new URL('../../crawl.schema.json', import.meta.url);
const judge = new Ajv({ allowUnionTypes: true }).compile(JSON.parse(readFileSync(schema, 'utf8')));

/** What no schema can know: what parts of a file mean together, or how a number is written. */
const BEYOND_A_SCHEMA = [
  / is not a parameter (?:under params|of columns)| no request uses this parameter/,
  / is not a JSONPath /,
  /\{\{|a placeholder cannot stand in a key/,
  / is a number of YAML, not of JSON|mappings are not merged|deeper than \d+ levels/,
  /a (?:GET|HEAD) has no body|answer to HEAD has no body|carries no Idempotency-Key|larger than 1 MiB/,
  /there is no JSON body|has something else than an object|longer than 1048576 characters/,
  /a \.txt file has no columns|shorter than backoff|"299-200" is not a status/,
  / network\.proxy.*: (?!a list)| network\.tls\.ca:|write blank: keep to take/,
  /a token has letters|a user has no colon|headers\.authorization is set as well/,
  / is (?:also )?a (?:column|parameter) of (?:rows|params)|named twice|gives the parameter \S+ its values/,
  /not a URL template|is not a valid URL|contains credentials|must not contain credentials/,
  / (?:loopback|private|link-local) address/,
  /^\S+ \S+: secrets |a secret is written/,
  / makes ".*" a segment of the path/,
  /: duplicate (?:key|header)/,
  /the range is reversed|a step of -?\d+ leads from|are more than \d+ apart|has more than \d+ values|are too many for one batch|of equal length/,
  /is out of range|"0\d+" is not allowed/,
  /is not a valid contact/,
  /not allowed in an HTTP header/,
  /the file name cannot be used as a name/,
  /half a surrogate pair/,
  /a secret in a URL stands behind the host| is not a share|so that nobody is told/,
  / revalidate: cannot be combined with headers\./,
  /is not a known encoding|if it is meant, write ""/,
];

/**
 * `parseCrawlFile`, which fails the test where the schema, by which editors judge, says something
 * else than the reader.
 */
export function parseCrawlFile(text: string, fileName: string): Crawl {
  try {
    const crawl = parse(text, fileName);
    expectSame(text, []);
    return crawl;
  } catch (error) {
    if (error instanceof InputError) {
      expectSame(text, error.problems.map(formatProblem));
    }
    throw error;
  }
}

function expectSame(text: string, problems: readonly string[]): void {
  const document = parseDocument(text, { uniqueKeys: false });
  if (document.errors.length > 0 || document.warnings.length > 0) {
    return;
  }
  const isValid = judge(document.toJS({ maxAliasCount: -1 }));
  const known = problems.filter((one) => !BEYOND_A_SCHEMA.some((rule) => rule.test(one)));
  if (problems.length === 0) {
    expect({ text, errors: isValid ? [] : judge.errors }).toEqual({ text, errors: [] });
  } else if (known.length > 0) {
    expect({ text, known, isValid }).toEqual({ text, known, isValid: false });
  }
}
