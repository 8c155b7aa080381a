import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { openRoutes, routes, type Services } from '../../src/routes/routes.ts';
import { openApiDocument, OPERATIONS } from './openapi-document.ts';

const FILE = new URL('../../openapi.json', import.meta.url);

describe('openapi.json', () => {
  it('is made of the schemas of the documents (UPDATE=1 writes it)', async () => {
    const text = `${JSON.stringify(openApiDocument(), undefined, 2)}\n`;
    if (process.env['UPDATE'] === '1') {
      await writeFile(FILE, text);
    }
    expect(JSON.parse(await readFile(FILE, 'utf8'))).toEqual(JSON.parse(text));
  });

  it('has every route, and no other', () => {
    const services = {} as Services;
    const served = [...openRoutes(services), ...routes(services)].map(
      ({ method, path }) => `${method} ${path}`,
    );
    const documented = OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(documented.toSorted()).toEqual(served.toSorted());
  });
});
