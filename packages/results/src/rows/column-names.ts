import type { Field } from './fields.ts';

/**
 * Names of columns in tables, where a point separates a table from its column: `params.country` is
 * `params_country`. Names are told apart without their case, as SQL does.
 */
export function columnNames(fields: readonly Pick<Field, 'name'>[]): string[] {
  const taken = new Set<string>();
  return fields.map(({ name }) => {
    let column = name.replaceAll('.', '_');
    while (taken.has(column.toLowerCase())) {
      column += '_';
    }
    taken.add(column.toLowerCase());
    return column;
  });
}
