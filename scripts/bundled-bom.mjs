import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const SCHEMA = 'http://cyclonedx.org/schema/bom-1.5.schema.json';

/**
 * What a bundle is made of, as a bill of materials of CycloneDX. `npm sbom` cannot know: the bundle
 * needs no package, and npm leaves out what any workspace also uses for development. It has no date
 * and no serial number, so that the same sources make the same file.
 */
export function bomOf(packages) {
  const components = packages.map(({ name, version, license, source }) => ({
    type: 'library',
    'bom-ref': `${name}@${version}`,
    name,
    version,
    purl: packageUrl(name, version),
    licenses: [/ (?:OR|AND|WITH) /u.test(license) ? { expression: license } : licenceOf(license)],
    ...(/^https?:/u.test(source) && {
      externalReferences: [{ type: 'website', url: source }],
    }),
  }));
  return { $schema: SCHEMA, bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, components };
}

/** One bill for a package that holds several bundles. */
export function mergeBoms(folder, boms) {
  const { name, version, description } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  const all = new Map(
    boms.flatMap(({ components }) => components).map((one) => [one['bom-ref'], one]),
  );
  const purl = packageUrl(name, version);
  const component = { type: 'application', 'bom-ref': purl, name, version, description, purl };
  const components = [...all.values()].toSorted((a, b) => (a.purl < b.purl ? -1 : 1));
  return { ...bomOf([]), metadata: { component }, components };
}

function packageUrl(name, version) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function licenceOf(license) {
  return { license: /^[\w.+-]+$/u.test(license) ? { id: license } : { name: license } };
}
