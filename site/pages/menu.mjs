// The menu of the site is the list in docs/README.md: a group for each of its sections, an entry for
// each link. A link to the README of a folder, such as that of the decisions, is a group of the
// pages that this README lists.
import { nodesOf, textOf } from './markdown.mjs';
import { hrefOf, routeOf, targetOf } from './routes.mjs';

export const INDEX = 'docs/README.md';

/**
 * Sections with their entries: label, file, anchor, description, and for an index its own entries.
 *
 * @param read returns the text of a file of the project
 */
export function readMenu(read) {
  return sectionsOf(INDEX, read(INDEX)).map(({ label, entries }) => ({
    label,
    entries: entries.map((entry) => {
      const isIndex = /^docs\/.+\/README\.md$/u.test(entry.file);
      const below = isIndex ? sectionsOf(entry.file, read(entry.file)) : [];
      return { ...entry, entries: below.flatMap((section) => section.entries) };
    }),
  }));
}

/** Every entry of the menu, those of indexes too. */
export function entriesOf(menu) {
  return menu.flatMap(({ entries }) => entries.flatMap((entry) => [entry, ...entry.entries]));
}

/** What the site calls a sidebar. `added` has further entries for some sections, by their names. */
export function sidebarOf(menu, added) {
  return menu.map(({ label, entries }) => ({
    label,
    items: [...entries.map(itemOf), ...(added[label] ?? [])],
  }));
}

function itemOf({ label, file, anchor, entries }) {
  const link = hrefOf(routeOf(file), anchor);
  if (entries.length === 0) {
    return { label, link };
  }
  return {
    label,
    collapsed: true,
    items: [{ label: 'All', link }, ...entries.map(itemOf)],
  };
}

/** Lists before the first heading of level two belong to a section without a name. */
function sectionsOf(file, markdown) {
  const sections = [{ label: '', entries: [] }];
  for (const node of nodesOf(markdown)) {
    if (node.type === 'heading' && node.depth === 2) {
      sections.push({ label: textOf(node), entries: [] });
    } else if (node.type === 'listItem') {
      sections.at(-1).entries.push(...entryOf(file, node));
    }
  }
  return sections.filter(({ entries }) => entries.length > 0);
}

/** An item is `[label](link): description`; what does not begin with a link is no entry. */
function entryOf(file, item) {
  const [link, ...rest] = item.children[0]?.children ?? [];
  const target = link?.type === 'link' ? targetOf(file, link.url) : undefined;
  if (target === undefined) {
    return [];
  }
  const description = rest.map(textOf).join('').replace(/^:/u, '').replaceAll(/\s+/gu, ' ').trim();
  return [{ label: textOf(link), description, entries: [], ...target }];
}
