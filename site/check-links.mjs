// Checks the built site: each link, picture, script and style leads to a file that is there, each
// fragment to an element of its page, and nothing is loaded from another host.
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LinkChecker, LinkState } from 'linkinator';

process.chdir(fileURLToPath(new URL('dist', import.meta.url)));

/** Links to other hosts are for readers; pages load nothing from there. */
const FOREIGN = /<(?:script|img|source|iframe|link)\b[^>]*\b(?:src|srcset|href)="https?:[^"]*"/giu;

const pages = globSync('**/*.html');
const foreign = pages.flatMap((page) =>
  [...readFileSync(page, 'utf8').matchAll(FOREIGN)].map(([tag]) => `${page} loads ${tag}`),
);
let own;
const { links } = await new LinkChecker().check({
  path: '.',
  recurse: true,
  checkFragments: true,
  // The first link is that of the checker's own server.
  linksToSkip: async (url) => !url.startsWith((own ??= new URL(url).origin)),
});
const broken = links
  .filter(({ state }) => state === LinkState.BROKEN)
  .map(({ url, parent, status }) => `${parent} leads to ${url} (${status})`);
const problems = [...new Set([...foreign, ...broken])];
for (const problem of problems) {
  process.stderr.write(`${problem}\n`);
}
process.stdout.write(`${pages.length} pages, ${links.length} links, ${problems.length} problems\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
