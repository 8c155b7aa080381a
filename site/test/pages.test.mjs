import assert from 'node:assert/strict';
import { test } from 'node:test';
import { llmsText } from '../pages/llms.mjs';
import { replaceNodes, splitTitle } from '../pages/markdown.mjs';
import { entriesOf, INDEX, readMenu, sidebarOf } from '../pages/menu.mjs';
import { hrefOf, routeOf, targetOf } from '../pages/routes.mjs';

const link = (url) => targetOf('docs/decisions/README.md', url);

for (const [file, route] of [
  ['docs/README.md', ''],
  ['docs/crawl-file.md', 'crawl-file'],
  ['docs/decisions/README.md', 'decisions'],
  ['docs/decisions/0001-a.md', 'decisions/0001-a'],
  ['README.md', 'about'],
  ['SECURITY.md', 'about/security'],
  ['benchmarks/RESULTS.md', 'about/benchmarks/results'],
]) {
  await test(`the address of ${file} is /${route}`, () => assert.equal(routeOf(file), route));
}

await test('the address of a link is that of its file and heading', () => {
  assert.deepEqual(link('../a.md#b'), { file: 'docs/a.md', anchor: 'b' });
  assert.deepEqual(link('#b'), { file: 'docs/decisions/README.md', anchor: 'b' });
  assert.equal(link('https://example.com/a.md'), undefined);
  assert.equal(link('mailto:a@example.com'), undefined);
  assert.equal(hrefOf('a', 'b'), '/a/#b');
  assert.equal(hrefOf('', undefined), '/');
});

await test('a text is parted from its title, which is not found in code', () => {
  const text = '```sh\n# no title\n```\n\n# A `title`\n\nText.\n';
  assert.deepEqual(splitTitle(text, 'a.md'), {
    title: 'A title',
    body: '```sh\n# no title\n```\n\nText.\n',
  });
  assert.throws(() => splitTitle('Text.', 'a.md'), /a\.md has no heading of level one/u);
});

await test('a text has other links in tables and after emoji, and the same in code', () => {
  const text = '😀 [é](a.md) `[a](a.md)`\n\n| [b](a.md) |\n| --- |\n| [c](a.md#d) |\n';
  const replaced = replaceNodes(text, ({ type }, source) =>
    type === 'link' ? source.replace('a.md', '/a/') : undefined,
  );
  assert.equal(replaced, '😀 [é](/a/) `[a](a.md)`\n\n| [b](/a/) |\n| --- |\n| [c](/a/#d) |\n');
});

const files = {
  [INDEX]:
    '# D\n\n- [not in a section](x.md)\n\n## One\n\n- [A](a.md#b): what\n  it is\n- no link\n\n' +
    '## Two\n\nText:\n\n- [All](some/README.md): more\n',
  'docs/some/README.md': '# Some\n\n1. [First](1.md)\n2. [Second](2.md)\n',
};
const menu = readMenu((file) => files[file]);

await test('the menu has a group for each section, and the pages of an index below it', () => {
  assert.deepEqual(
    entriesOf(menu).map(({ file }) => file),
    ['docs/x.md', 'docs/a.md', 'docs/some/README.md', 'docs/some/1.md', 'docs/some/2.md'],
  );
  const [, one, two] = sidebarOf(menu, { One: [{ label: 'more', link: '/more/' }] });
  assert.deepEqual(one, {
    label: 'One',
    items: [
      { label: 'A', link: '/a/#b' },
      { label: 'more', link: '/more/' },
    ],
  });
  assert.deepEqual(two.items[0].items, [
    { label: 'All', link: '/some/' },
    { label: 'First', link: '/some/1/' },
    { label: 'Second', link: '/some/2/' },
  ]);
});

await test('the menu is a list for programs as well', () => {
  assert.match(llmsText(menu, 'What it is.'), /^## One\n\n- \[A\]\(\/a\/#b\): what it is$/mu);
});
