// Puts beside the programs what they need and what npm shows: the page, the schema of crawl files,
// the examples and the licence.
import { copyFileSync, cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const own = fileURLToPath(new URL('../', import.meta.url));

cpSync(`${repository}apps/web/dist/page`, `${own}dist/page`, { recursive: true });
copyFileSync(`${repository}packages/crawl/crawl.schema.json`, `${own}dist/crawl.schema.json`);
rmSync(`${own}examples`, { recursive: true, force: true });
cpSync(`${repository}examples`, `${own}examples`, { recursive: true });
copyFileSync(`${repository}LICENSE`, `${own}LICENSE`);
