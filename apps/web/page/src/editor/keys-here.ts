/** What is needed of a JSON Schema. */
export interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** A key that may stand where the cursor is. */
export interface KeyHere {
  readonly key: string;
  readonly description: string;
  /** As it is written without the key; undefined if there is none. */
  readonly usual: string | undefined;
}

interface Place {
  /** Keys from the root to the mapping that the cursor is in. */
  readonly path: readonly string[];
  /** Keys that stand in it already. */
  readonly present: ReadonlySet<string>;
  /** What is typed of a key before the cursor. */
  readonly begun: string;
}

const LINE = /^( *)(?:- )?(?:"([^"]*)"|([^\s#:{}[\],"']+))?(\s*:)?/;

/** @param caret position of the cursor in the text */
export function keysHere(root: Schema, text: string, caret: number): KeyHere[] {
  const place = placeOf(text, caret);
  if (place === undefined) {
    return [];
  }
  const found = place.path.reduce<Schema[]>(
    (schemas, key) => schemas.flatMap((schema) => below(root, schema, key)),
    [root],
  );
  const keys = new Map<string, KeyHere>();
  for (const schema of found.flatMap((one) => alternatives(root, one))) {
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      if (!place.present.has(key) && key.startsWith(place.begun)) {
        const { description = '', default: usual } = resolved(root, value);
        keys.set(key, {
          key,
          description,
          usual: usual === undefined ? undefined : JSON.stringify(usual),
        });
      }
    }
  }
  return [...keys.values()];
}

/** Undefined where the cursor stands behind a colon. */
function placeOf(text: string, caret: number): Place | undefined {
  const lines = text.split('\n');
  const at = text.slice(0, caret).split('\n').length - 1;
  const before = text.slice(text.lastIndexOf('\n', caret - 1) + 1, caret);
  if (before.includes(':') || before.includes('#')) {
    return undefined;
  }
  const begun = before.trim().replace(/^- /, '');
  const indent = before.length - before.trimStart().length;
  const path: string[] = [];
  let limit = indent;
  for (let line = at - 1; line >= 0 && limit > 0; line -= 1) {
    const { depth, key } = parsed(lines[line] ?? '');
    if (key !== undefined && depth < limit) {
      path.unshift(key);
      limit = depth;
    }
  }
  return { path, present: keysAround(lines, at, indent), begun };
}

/** Keys of the same mapping, above and below. */
function keysAround(lines: readonly string[], at: number, indent: number): ReadonlySet<string> {
  const found = new Set<string>();
  for (const step of [-1, 1]) {
    for (let line = at + step; line >= 0 && line < lines.length; line += step) {
      const { depth, key, isBlank } = parsed(lines[line] ?? '');
      if (!isBlank && depth < indent) {
        break;
      }
      if (key !== undefined && depth === indent) {
        found.add(key);
      }
    }
  }
  return found;
}

function parsed(line: string): {
  readonly depth: number;
  readonly key: string | undefined;
  readonly isBlank: boolean;
} {
  const [, spaces = '', quoted, plain, colon] = LINE.exec(line) ?? [];
  const isBlank = /^\s*(?:#.*)?$/.test(line);
  return {
    depth: spaces.length,
    key: colon === undefined ? undefined : (quoted ?? plain),
    isBlank,
  };
}

function below(root: Schema, schema: Schema, key: string): Schema[] {
  return alternatives(root, schema).flatMap(({ properties, additionalProperties, items }) => {
    const others = typeof additionalProperties === 'object' ? [additionalProperties] : [];
    const own = properties?.[key];
    return [...(own === undefined ? others : [own]), ...(items === undefined ? [] : [items])];
  });
}

/** The schema itself, and what it says with `anyOf` or `oneOf`. */
function alternatives(root: Schema, schema: Schema): Schema[] {
  const own = resolved(root, schema);
  const others = [...(own.anyOf ?? []), ...(own.oneOf ?? [])];
  return [own, ...others.flatMap((one) => alternatives(root, one))];
}

function resolved(root: Schema, schema: Schema): Schema {
  const name = schema.$ref?.replace('#/definitions/', '');
  const target = name === undefined ? undefined : root.definitions?.[name];
  return target === undefined ? schema : { ...target, ...schema };
}
