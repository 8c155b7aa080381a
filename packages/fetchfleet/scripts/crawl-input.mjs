// Writes the type of crawls in programs from the JSON Schema of crawl files, or with --check fails
// if it is another one.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';

const SCHEMA = new URL('../../crawl/crawl.schema.json', import.meta.url);
const TYPES = new URL('../src/crawl/crawl-input.ts', import.meta.url);

const { title: _title, ...schema } = JSON.parse(readFileSync(SCHEMA, 'utf8'));
const compiled = await compile(withoutConditions(schema), 'CrawlInput', {
  additionalProperties: false,
  bannerComment:
    '/* Made from crawl.schema.json by scripts/crawl-input.mjs. */\n' +
    '/* oxlint-disable typescript/no-redundant-type-constituents -- they say what is usual */',
  style: { printWidth: 100, singleQuote: true, trailingComma: 'all' },
});
// Descriptions are one line each.
const text = compiled.replaceAll(/^( *\* )(.{95,})$/gmu, (_line, start, words) =>
  words.replaceAll(/(.{1,90})(?: |$)/gu, `${start}$1\n`).trimEnd(),
);
if (process.argv.includes('--check')) {
  process.exitCode = text === readFileSync(TYPES, 'utf8') ? 0 : 1;
} else {
  writeFileSync(fileURLToPath(TYPES), text);
}

/** Which keys exclude each other is checked when a crawl is defined; types would hide the keys. */
function withoutConditions(value) {
  if (Array.isArray(value)) {
    return value.map(withoutConditions);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const {
    if: _if,
    then: _then,
    else: _else,
    not: _not,
    dependentRequired: _needs,
    ...rest
  } = value;
  const isObject = rest.type === 'object' && rest.properties !== undefined;
  const { allOf: _all, anyOf: _any, oneOf: _one, ...plain } = rest;
  const kept = isObject ? plain : rest;
  return Object.fromEntries(
    Object.entries(kept).map(([key, one]) => [key, withoutConditions(one)]),
  );
}
