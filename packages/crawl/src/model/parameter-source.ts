import type { ParameterSource, RowColumn } from './plan.ts';

/** A source whose values are in a file, at a URL or stored with a schedule. */
export type ListFile = Extract<ParameterSource, { kind: 'file' | 'rows' }>;

/** Values of an earlier batch. They become a list on this machine before they are read. */
export type BatchValues = Extract<ParameterSource, { kind: 'batch' }>;

export function isListFile(source: ParameterSource): source is ListFile {
  return source.kind === 'file' || source.kind === 'rows';
}

/** The parameters that get a value from each row of a list file; a `file` has one. */
export function columnsOf(file: ListFile): readonly RowColumn[] {
  if (file.kind === 'rows') {
    return file.columns;
  }
  const { name, column } = file;
  return [column === undefined ? { param: name } : { param: name, column }];
}

/** The parameters that a source gives values to. */
function paramsOf(source: ParameterSource): readonly string[] {
  return source.kind === 'rows' ? source.columns.map(({ param }) => param) : [source.name];
}

/** The parameters whose values are whole numbers, written as such: ranges without `pad`. */
export function integerParams(sources: readonly ParameterSource[]): string[] {
  return sources.flatMap((source) =>
    source.kind === 'range' && source.pad === undefined ? [source.name] : [],
  );
}

/** The key of a source in the crawl file. */
export function keyOf(source: ParameterSource): string {
  return source.kind === 'rows' ? 'rows' : `params.${source.name}`;
}

/** What messages and counts call a source. No parameter has such a name with blanks. */
export function labelOf(source: ParameterSource): string {
  return source.kind === 'rows' ? `rows (${paramsOf(source).join(', ')})` : source.name;
}
