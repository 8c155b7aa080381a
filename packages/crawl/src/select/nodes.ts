import { JSONPathNode, type JSONPathQuery } from 'json-p3';
import type { Place } from './json-document.ts';

/** A selected value. */
export interface SelectedNode {
  readonly value: unknown;
  readonly place: () => Place;
}

/**
 * A location that shares its beginning with others. Selectors do nothing with a location but append
 * to it, and the arrays of the library are copied each time: for every value of a body that is
 * nested deeply.
 */
class Location {
  readonly parent: Location | undefined;
  readonly key: string | number;

  constructor(parent?: Location, key: string | number = '') {
    this.parent = parent;
    this.key = key;
  }

  concat(key: string | number): Location {
    return new Location(this, key);
  }
}

/**
 * Evaluates a query with the selectors of the library, in the order of RFC 9535. The library's own
 * evaluation spreads arrays into arguments, which ends at a hundred thousand elements, and descends
 * by generators inside generators, each step of which takes time for every level above it.
 */
export function* nodesOf(query: JSONPathQuery, root: unknown): Generator<SelectedNode> {
  let nodes: Iterable<JSONPathNode> = [nodeAt(root, new Location(), root)];
  for (const segment of query.segments) {
    const isDescendant = segment.toString().startsWith('..');
    nodes = resolve(isDescendant ? descend(nodes) : nodes, segment.selectors);
  }
  for (const { value, location } of nodes) {
    yield { value, place: () => placeOf(locationOf(location)) };
  }
}

function placeOf(location: Location): Place {
  const keys: (string | number)[] = [];
  for (let { parent, key } = location; parent !== undefined; { parent, key } = parent) {
    keys.push(key);
  }
  return keys.toReversed();
}

function* resolve(
  nodes: Iterable<JSONPathNode>,
  selectors: JSONPathQuery['segments'][number]['selectors'],
): Generator<JSONPathNode> {
  for (const node of nodes) {
    for (const selector of selectors) {
      yield* selector.resolve(node);
    }
  }
}

/** An open level: a node whose values are visited one after the other. */
interface Level {
  readonly node: JSONPathNode;
  /** Undefined for an array. */
  readonly keys: readonly string[] | undefined;
  readonly length: number;
  next: number;
}

/** Each node and everything below it, from top to bottom. */
function* descend(nodes: Iterable<JSONPathNode>): Generator<JSONPathNode> {
  for (const node of nodes) {
    yield node;
    const levels = levelOf(node);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      if (level.next === level.length) {
        levels.pop();
        continue;
      }
      const child = childAt(level, level.next);
      level.next += 1;
      yield child;
      levels.push(...levelOf(child));
    }
  }
}

/** Empty for a node without values below it. */
function levelOf(node: JSONPathNode): Level[] {
  const { value } = node;
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  if (Array.isArray(value)) {
    return [{ node, keys: undefined, length: value.length, next: 0 }];
  }
  const keys = Object.keys(value);
  return [{ node, keys, length: keys.length, next: 0 }];
}

function childAt({ node, keys }: Level, at: number): JSONPathNode {
  const key = keys?.[at] ?? at;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only such nodes are levels
  const values = node.value as Record<string | number, unknown>;
  return nodeAt(values[key], locationOf(node.location).concat(key), node.root);
}

/* The library takes any list as a location, and any value. */

function nodeAt(value: unknown, location: Location, root: unknown): JSONPathNode {
  type Parameters = ConstructorParameters<typeof JSONPathNode>;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it has what selectors need
  return new JSONPathNode(...([value, location, root] as unknown as Parameters));
}

function locationOf(location: JSONPathNode['location']): Location {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every one began with `nodeAt`
  return location as unknown as Location;
}
