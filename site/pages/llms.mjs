import { hrefOf, routeOf } from './routes.mjs';

/** The menu for programs that read Markdown: https://llmstxt.org. */
export function llmsText(menu, tagline) {
  const sections = menu.map(({ label, entries }) => [`## ${label}`, '', ...entries.map(lineOf)]);
  return [
    '# fetchfleet',
    '',
    `> ${tagline}`,
    ...sections.flatMap((lines) => ['', ...lines]),
    '',
  ].join('\n');
}

function lineOf({ label, file, anchor, description }) {
  return `- [${label}](${hrefOf(routeOf(file), anchor)}): ${description}`;
}
