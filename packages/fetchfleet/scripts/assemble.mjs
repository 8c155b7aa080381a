// Puts beside the programs what they need and what npm shows: the page, the schema of crawl files,
// the types of the library, the examples, the licence and the bill of materials.
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mergeBoms } from '../../../scripts/bundled-bom.mjs';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const own = fileURLToPath(new URL('../', import.meta.url));

cpSync(`${repository}apps/web/dist/page`, `${own}dist/page`, { recursive: true });
copyFileSync(`${repository}packages/crawl/crawl.schema.json`, `${own}dist/crawl.schema.json`);
rmSync(`${own}examples`, { recursive: true, force: true });
cpSync(`${repository}examples`, `${own}examples`, { recursive: true });
copyFileSync(`${repository}LICENSE`, `${own}LICENSE`);
copyTypes(`${own}dist/all-types/packages/fetchfleet/src`, `${own}dist/types`);
rmSync(`${own}dist/all-types`, { recursive: true });
mergeBillOfMaterials();

/** One for programs and page. */
function mergeBillOfMaterials() {
  const ofPage = `${own}dist/page/sbom.cdx.json`;
  const ofAll = `${own}dist/sbom.cdx.json`;
  const boms = [ofAll, ofPage].map((file) => JSON.parse(readFileSync(file, 'utf8')));
  writeFileSync(ofAll, `${JSON.stringify(mergeBoms(own, boms), undefined, 2)}\n`);
  rmSync(ofPage);
}

/** Those that can be reached from the index: others tell of what is inside. */
function copyTypes(from, to) {
  const waiting = ['index.d.ts'];
  const seen = new Set(waiting);
  for (const file of waiting) {
    const text = readFileSync(join(from, file), 'utf8');
    mkdirSync(dirname(join(to, file)), { recursive: true });
    copyFileSync(join(from, file), join(to, file));
    for (const [, path] of text.matchAll(/from '([^']+)\.ts'/gu)) {
      const target = `${join(dirname(file), path)}.d.ts`;
      if (!seen.has(target)) {
        seen.add(target);
        waiting.push(target);
      }
    }
  }
}
