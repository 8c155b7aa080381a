import { markdownToMdast } from 'satteri';

/** All nodes of a Markdown text, in order, each before its children. */
export function nodesOf(markdown) {
  return withChildren(markdownToMdast(markdown));
}

/** The text of a node without its marks. */
export function textOf(node) {
  return node.value ?? (node.children ?? []).map(textOf).join('');
}

/**
 * A text without its first heading of level one, and the text of that heading.
 *
 * @throws Error if the text has no such heading
 */
export function splitTitle(markdown, name) {
  const heading = nodesOf(markdown).find(({ type, depth }) => type === 'heading' && depth === 1);
  if (heading === undefined) {
    throw new Error(`${name} has no heading of level one, so its page has no title`);
  }
  const { start, end } = heading.position;
  const body = `${markdown.slice(0, start.offset)}${markdown.slice(end.offset).trimStart()}`;
  return { title: textOf(heading), body };
}

/** A text in which `replace` chose another text for some of its nodes (undefined keeps one). */
export function replaceNodes(markdown, replace) {
  const edits = nodesOf(markdown).flatMap((node) => {
    const source = markdown.slice(node.position.start.offset, node.position.end.offset);
    const text = replace(node, source);
    return text === undefined ? [] : [{ ...node.position, text }];
  });
  return edits
    .toReversed()
    .reduce(
      (all, { start, end, text }) => `${all.slice(0, start.offset)}${text}${all.slice(end.offset)}`,
      markdown,
    );
}

function withChildren(node) {
  return [node, ...(node.children ?? []).flatMap(withChildren)];
}
