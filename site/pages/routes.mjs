import { posix } from 'node:path';

/**
 * The address of a Markdown file on the site, without slashes at its ends: `docs/` is the root, and
 * what is beside it is below `about/`. A README is the page of its folder.
 */
export function routeOf(file) {
  const path = file.startsWith('docs/') ? file.slice('docs/'.length) : `about/${file}`;
  return path
    .toLowerCase()
    .replace(/\.md$/u, '')
    .replace(/(?:^|\/)readme$/u, '');
}

/** The file and the heading that a link of a file leads to; undefined if it leaves the project. */
export function targetOf(file, url) {
  if (/^[a-z][a-z\d+.-]*:/iu.test(url)) {
    return undefined;
  }
  const [path = '', anchor] = url.split('#');
  return { file: path === '' ? file : posix.join(posix.dirname(file), path), anchor };
}

/** The address of a heading of a page, as a link of the site. */
export function hrefOf(route, anchor) {
  const path = route === '' ? '/' : `/${route}/`;
  return anchor === undefined ? path : `${path}#${anchor}`;
}
