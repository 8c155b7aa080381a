// Writes the pages of the site into src/content/docs, and llms.txt into public: from the Markdown
// files that docs/README.md lists, and from the command table. Both folders are removed first; git
// ignores them. Run with --conditions=@fetchfleet/source, as the command table is TypeScript.
import {
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  globSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLinePage } from './pages/command-line.mjs';
import { COMMAND_LINE } from './pages/generated.mjs';
import { homePage, NOT_FOUND } from './pages/home.mjs';
import { llmsText } from './pages/llms.mjs';
import { replaceNodes, splitTitle } from './pages/markdown.mjs';
import { entriesOf, INDEX, readMenu } from './pages/menu.mjs';
import { hrefOf, routeOf, targetOf } from './pages/routes.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const content = join(root, 'site/src/content/docs');
const assets = join(root, 'site/public');
const ICON = 'apps/web/page/public/icon.svg';
/** Files that a reader may want to load; other files and folders are of interest in a clone only. */
const DATA = /\.(?:json|ya?ml)$/u;

const read = (file) => readFileSync(join(root, file), 'utf8');
const { description: tagline } = JSON.parse(read('package.json'));
const menu = readMenu(read);
const descriptions = new Map(
  entriesOf(menu)
    .filter(({ anchor }) => anchor === undefined)
    .map(({ file, description }) => [file, description]),
);
const problems = [];

rmSync(content, { recursive: true, force: true });
rmSync(assets, { recursive: true, force: true });
for (const file of globSync('docs/**/*.md', { cwd: root })) {
  if (file !== INDEX && !descriptions.has(file)) {
    problems.push(`${file} is in no list of ${INDEX}, so the menu of the site does not have it`);
  }
}
for (const [file, description] of descriptions) {
  const { title, body } = splitTitle(read(file), file);
  writePage(routeOf(file), { title, ...(description && { description }) }, linked(file, body));
}
writePage(COMMAND_LINE.route, COMMAND_LINE.data, await commandLinePage());
const home = homePage(menu, tagline);
writePage('index', home.data, linked(INDEX, home.body(splitTitle(read(INDEX), INDEX).body)));
writePage('404', NOT_FOUND.data, NOT_FOUND.body);
copy(ICON, 'favicon.svg');
writeFile(join(assets, 'llms.txt'), llmsText(menu, tagline));
for (const problem of problems) {
  process.stderr.write(`${problem}\n`);
}
process.exitCode = problems.length > 0 ? 1 : 0;

/** Front matter is YAML, and JSON is YAML. */
function writePage(route, data, body) {
  const lines = Object.entries(data).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  writeFile(join(content, `${route}.md`), ['---', ...lines, '---', '', body].join('\n'));
}

function writeFile(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A file of the project, as it is, to an address of the site. */
function copy(file, path) {
  mkdirSync(dirname(join(assets, path)), { recursive: true });
  cpSync(join(root, file), join(assets, path));
}

/** A text of a file whose links and pictures are those of the site. */
function linked(file, body) {
  const folder = dirname(join(content, file === INDEX ? 'index.md' : `${routeOf(file)}.md`));
  return replaceNodes(body, (node, source) => {
    const target = ['link', 'image', 'definition'].includes(node.type)
      ? targetOf(file, node.url)
      : undefined;
    if (target === undefined) {
      return undefined;
    }
    const url =
      node.type === 'image' ? relative(folder, join(root, target.file)) : urlOf(file, target);
    return url === undefined
      ? source.slice(1, source.lastIndexOf(`](${node.url}`))
      : source.replace(new RegExp(`(\\]\\(|\\]: )${RegExp.escape(node.url)}`, 'u'), `$1${url}`);
  });
}

/** Where a link leads; undefined for what is not on the site. */
function urlOf(file, target) {
  if (descriptions.has(target.file) || target.file === INDEX) {
    return hrefOf(routeOf(target.file), target.anchor);
  }
  if (target.file.endsWith('.md')) {
    problems.push(`${file} links to ${target.file}, which is in no list of ${INDEX}`);
    return undefined;
  }
  if (!DATA.test(target.file) || !statSync(join(root, target.file)).isFile()) {
    return undefined;
  }
  copy(target.file, `files/${target.file}`);
  return `/files/${target.file}`;
}
