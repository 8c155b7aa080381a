import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bomOf } from './bundled-bom.mjs';

const FILE_NAME = 'THIRD_PARTY_LICENSES.txt';
const BOM_NAME = 'sbom.cdx.json';
const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)/iu;
const README = /^readme(?:\.md)?$/iu;
const RULE = '='.repeat(80);

/**
 * Plugin of rolldown: writes the licences of all packages that are in a bundle beside it, as they
 * demand, and a bill of materials. The build fails if one of them names no licence.
 */
export function bundledLicences() {
  return {
    name: 'bundled-licences',
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap(({ moduleIds = [] }) => moduleIds);
      const folders = new Set(modules.flatMap((id) => packageFolder(id) ?? []));
      const packages = [...folders].map(readPackage);
      const sections = packages.map((one) => sectionOf(one, packages)).toSorted();
      this.emitFile({
        type: 'asset',
        fileName: FILE_NAME,
        source: sections.join(`\n${RULE}\n\n`),
      });
      const source = JSON.stringify(bomOf(packages), undefined, 2);
      this.emitFile({ type: 'asset', fileName: BOM_NAME, source });
    },
  };
}

/** The folder of the package in node_modules that a module belongs to; undefined for our own. */
function packageFolder(id) {
  const path = id.replace(/^\0+/u, '').replace(/\?.*$/u, '');
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/u.exec(path)?.[0];
}

function readPackage(folder) {
  const { name, version, license, homepage, repository } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  if (typeof license !== 'string') {
    throw new Error(`${name} names no licence, so it cannot be bundled`);
  }
  const origin = repository?.url ?? repository ?? '';
  return { name, version, license, source: homepage ?? origin, origin, texts: textsIn(folder) };
}

/** Some packages of a repository come without the text that the others have. */
function sectionOf({ name, version, license, source, origin, texts }, packages) {
  const others = packages.filter(
    (one) => origin !== '' && one.origin === origin && one.license === license,
  );
  const found = [texts, ...others.map((one) => one.texts)].find((one) => one.length > 0);
  const text = found?.join('\n') ?? `(${name} comes without a text.)\n`;
  return `${name} ${version}\n${license}\n${source}\n\n${text}`;
}

/** Licence and notice, as the package has them: as files, or at the end of its README. */
function textsIn(folder) {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted();
  const text = (name) => readFileSync(join(folder, name), 'utf8');
  const found = names.filter((name) => LICENCE_FILE.test(name)).map(text);
  const readme = names
    .filter((name) => README.test(name))
    .flatMap((name) => {
      const [, section] = /^#+ *licen[sc]e\s*?\n(.*)$/imsu.exec(text(name)) ?? [];
      return section ?? [];
    });
  return (found.length > 0 ? found : readme).map((one) => `${one.trim()}\n`);
}
