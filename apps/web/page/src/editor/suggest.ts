import { type Place, placeOf } from './place.ts';

type Scalar = string | number | boolean;

/** What is needed of a JSON Schema. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: Scalar;
  readonly const?: Scalar;
  readonly enum?: readonly Scalar[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** A key or a value that may stand where the cursor is. */
export interface Suggestion {
  readonly label: string;
  /** What replaces what is typed. */
  readonly insert: string;
  readonly description: string;
}

export interface Suggestions {
  readonly items: readonly Suggestion[];
  /** Where in the text the replaced part begins; it ends at the cursor. */
  readonly start: number;
  /** Whether something of it is typed already. */
  readonly isBegun: boolean;
}

/** @param caret position of the cursor in the text */
export function suggest(root: Schema, text: string, caret: number): Suggestions {
  const place = placeOf(text, caret);
  if (place === undefined) {
    return { items: [], start: caret, isBegun: false };
  }
  const { path, begun, start, expects } = place;
  const schemas = path
    .reduce<Schema[]>((all, key) => all.flatMap((one) => below(root, one, key)), [root])
    .flatMap((one) => alternatives(root, one));
  const found = [
    ...(expects.has('key')
      ? keysOf(root, schemas, { place, isNamed: /^\s*:/.test(text.slice(caret)) })
      : []),
    ...(expects.has('value') ? valuesOf(schemas, begun) : []),
  ];
  const items = found.filter(({ label }) => label.startsWith(begun) && label !== begun);
  return { items, start, isBegun: begun !== '' };
}

function keysOf(
  root: Schema,
  schemas: readonly Schema[],
  { place: { present, indent }, isNamed }: { readonly place: Place; readonly isNamed: boolean },
): Suggestion[] {
  const keys = new Map<string, Suggestion>();
  // Of several mappings that may stand here, the one that has been begun.
  const fitting = schemas.filter(({ properties = {} }) =>
    [...present].every((key) => Object.hasOwn(properties, key)),
  );
  for (const [key, value] of fitting.flatMap((one) => Object.entries(one.properties ?? {}))) {
    if (!present.has(key)) {
      const own = resolved(root, value);
      const isSection = indent !== undefined && isMapping(root, value);
      const behind = isNamed ? '' : isSection ? `:\n${' '.repeat(indent + 2)}` : ': ';
      keys.set(key, { label: key, insert: `${key}${behind}`, description: described(own) });
    }
  }
  return [...keys.values()];
}

function described({ description = '', default: usual }: Schema): string {
  const note = usual === undefined ? '' : `Usually ${String(usual)}.`;
  return [description, note].filter((one) => one !== '').join(' ');
}

/** Values that are known by name, and the keys that a mapping in braces begins with. */
function valuesOf(schemas: readonly Schema[], begun: string): Suggestion[] {
  const usual = new Set(
    schemas.flatMap((one) => (one.default === undefined ? [] : [String(one.default)])),
  );
  const named = schemas.flatMap((one) => [
    ...(one.enum ?? []),
    ...(one.const === undefined ? [] : [one.const]),
    ...(one.type === 'boolean' ? [true, false] : []),
  ]);
  const texts = new Set([...named.map(String), ...usual]);
  const mappings = schemas.filter(({ required }) => begun === '' && required !== undefined);
  return [
    ...[...texts].map((text) => ({
      label: text,
      insert: text,
      description: usual.has(text) ? 'as without this key' : '',
    })),
    ...mappings.flatMap(({ required: [first, ...others] = [], properties, description = '' }) =>
      first === undefined || properties === undefined
        ? []
        : [
            {
              label: `{ ${[first, ...others].join(', ')} }`,
              insert: `{ ${first}: `,
              description,
            },
          ],
    ),
  ];
}

/** Whether nothing but a mapping can stand there. */
function isMapping(root: Schema, schema: Schema): boolean {
  const { type, anyOf, oneOf } = resolved(root, schema);
  const others = [...(anyOf ?? []), ...(oneOf ?? [])];
  return (
    type === 'object' && others.every((one) => one.type === undefined || one.type === 'object')
  );
}

function below(root: Schema, schema: Schema, key: string): Schema[] {
  return alternatives(root, schema).flatMap(({ properties, additionalProperties }) => {
    const others = typeof additionalProperties === 'object' ? [additionalProperties] : [];
    const own = properties?.[key];
    return own === undefined ? others : [own];
  });
}

/** The schema itself, what it says with `anyOf` or `oneOf`, and its items. */
function alternatives(root: Schema, schema: Schema): Schema[] {
  const own = resolved(root, schema);
  const { anyOf = [], oneOf = [], items } = own;
  const others = [...anyOf, ...oneOf, ...(items === undefined ? [] : [items])];
  return [own, ...others.flatMap((one) => alternatives(root, one))];
}

function resolved(root: Schema, schema: Schema): Schema {
  const name = schema.$ref?.replace('#/definitions/', '');
  const target = name === undefined ? undefined : root.definitions?.[name];
  return target === undefined ? schema : { ...target, ...schema };
}
