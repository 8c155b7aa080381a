// Checks that imports run one way. Fails and names the imports where a package imports one beside
// or above it, where a folder imports its parent folder, and where files or folders form a circle.
// Type-only imports count too.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const LIBRARIES = ['crawl', 'fleet', 'fetcher', 'results', 'service'].map(
  (name) => `packages/${name}`,
);
/** What each package may import. The apps may import all libraries. */
const BELOW = {
  'packages/crawl': [],
  'packages/fleet': ['packages/crawl'],
  'packages/fetcher': ['packages/crawl'],
  'packages/results': ['packages/crawl'],
  'packages/service': ['packages/crawl'],
  'packages/testing': [],
  // What people install: on top of everything.
  'packages/fetchfleet': [...LIBRARIES, 'apps/producer', 'apps/worker'],
};
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/gu;

const files = globSync('{apps,packages}/*/src/**/*.ts').toSorted();
const imports = new Map(files.map((file) => [file, importsOf(file)]));
const problems = [
  ...files.flatMap(packageProblems),
  ...files.flatMap(climbingProblems),
  ...circles(imports).map((circle) => `files import each other: ${circle.join(' → ')}`),
  ...circles(folderGraph()).map((circle) => `folders import each other: ${explain(circle)}`),
];
for (const problem of problems) {
  process.stderr.write(`${problem}\n`);
}
const folders = new Set(files.map(dirname)).size;
process.stdout.write(`${files.length} files in ${folders} folders, ${problems.length} problems\n`);
process.exitCode = problems.length > 0 ? 1 : 0;

function importsOf(file) {
  const specifiers = [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(([, name]) => name);
  return [...new Set(specifiers.map((name) => resolve(file, name)))].filter(Boolean);
}

/** The file of a relative import or the package of a `@fetchfleet/…` import; else undefined. */
function resolve(file, specifier) {
  if (specifier.startsWith('.')) {
    return normalize(join(dirname(file), specifier));
  }
  const [, name] = /^@fetchfleet\/([^/]+)/u.exec(specifier) ?? [];
  if (name === undefined) {
    return undefined;
  }
  return files.some((other) => other.startsWith(`apps/${name}/`))
    ? `apps/${name}`
    : `packages/${name}`;
}

function packageOf(file) {
  return file.split('/').slice(0, 2).join('/');
}

function packageProblems(file) {
  const allowed = BELOW[packageOf(file)] ?? LIBRARIES;
  return imports
    .get(file)
    .filter((target) => !target.endsWith('.ts') && !allowed.includes(target))
    .map((target) => `${file} imports ${target}; allowed: ${allowed.join(', ') || 'no package'}`);
}

/** A folder may import from siblings and subfolders, never from the folder that contains it. */
function climbingProblems(file) {
  const own = dirname(file);
  return imports
    .get(file)
    .filter((target) => target.endsWith('.ts') && own.startsWith(`${dirname(target)}/`))
    .map((target) => `${file} imports ${target}, a folder above it`);
}

function folderGraph() {
  const graph = new Map();
  for (const [file, targets] of imports) {
    const folder = dirname(file);
    const others = graph.get(folder) ?? new Set();
    for (const target of targets) {
      // Imports within a folder do not count.
      if (target.endsWith('.ts') && dirname(target) !== folder) {
        others.add(dirname(target));
      }
    }
    graph.set(folder, others);
  }
  return graph;
}

/** The groups of nodes that reach each other (strongly connected components, Tarjan). */
function circles(graph) {
  const found = [];
  const order = new Map();
  const low = new Map();
  const stack = [];
  const visit = (node) => {
    order.set(node, order.size);
    low.set(node, order.get(node));
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!graph.has(next)) {
        continue;
      }
      if (!order.has(next)) {
        visit(next);
      }
      if (stack.includes(next)) {
        low.set(node, Math.min(low.get(node), low.get(next)));
      }
    }
    if (low.get(node) !== order.get(node)) {
      return;
    }
    const group = stack.splice(stack.indexOf(node));
    if (group.length > 1) {
      found.push(group);
    }
  };
  for (const node of graph.keys()) {
    if (!order.has(node)) {
      visit(node);
    }
  }
  return found;
}

/** The imports between the folders of a circle. */
function explain(circle) {
  const links = [...imports].flatMap(([file, targets]) =>
    targets
      .filter((target) => circle.includes(dirname(file)) && circle.includes(dirname(target)))
      .filter((target) => dirname(target) !== dirname(file))
      .map((target) => `\n  ${file} → ${target}`),
  );
  return links.join('');
}
