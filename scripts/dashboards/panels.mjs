// Panels in the JSON of Grafana. `width` is in 24ths; without it, the panels of a row share the
// width.
import { DATASOURCE } from './datasource.mjs';

const GREEN = 'green';

export function row(title) {
  return { type: 'row', title, collapsed: false, panels: [] };
}

export function stat(title, description, targets, { unit = 'short', thresholds, max, width } = {}) {
  return {
    type: 'stat',
    title,
    description,
    width,
    height: 4,
    datasource: DATASOURCE,
    targets: targets.map(target),
    fieldConfig: {
      defaults: { unit, min: 0, ...given({ max }), ...coloured(thresholds) },
      overrides: [],
    },
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: 'value',
      graphMode: 'area',
      textMode: targets.some(([, legend]) => legend.startsWith('{{')) ? 'value_and_name' : 'value',
      justifyMode: 'auto',
      orientation: 'auto',
    },
  };
}

export function series(
  title,
  description,
  targets,
  { unit = 'short', max, stacked = false, width } = {},
) {
  return {
    type: 'timeseries',
    title,
    description,
    width,
    height: 8,
    datasource: DATASOURCE,
    targets: targets.map(target),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...given({ max }),
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: stacked ? 30 : 0,
          showPoints: 'never',
          stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
        },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  };
}

/** One row per value of `key`; the columns are instant queries that are joined by it. */
export function table(title, description, key, columns, { width } = {}) {
  const by = (expression, { labels = [] } = {}) =>
    `max by (${[key, ...labels].join(', ')}) (${expression})`;
  const names = columns.map(([name, , options], index) => [
    `Value #${letter(index)}`,
    name,
    options ?? {},
  ]);
  const labelled = names.filter(([, , { labels }]) => labels !== undefined);
  return {
    type: 'table',
    title,
    description,
    width,
    height: 8,
    datasource: DATASOURCE,
    targets: columns.map(([, expression, options], index) => ({
      ...target([by(expression, options), ''], index),
      format: 'table',
      instant: true,
      range: false,
    })),
    transformations: [
      { id: 'merge', options: {} },
      {
        id: 'organize',
        options: {
          excludeByName: Object.fromEntries([
            ['Time', true],
            ...labelled.map(([field]) => [field, true]),
          ]),
          renameByName: Object.fromEntries(names.map(([field, name]) => [field, name])),
        },
      },
    ],
    fieldConfig: {
      defaults: { unit: 'short', custom: { align: 'auto', filterable: true } },
      overrides: names.flatMap(([, name, options]) => override(name, options)),
    },
    options: { showHeader: true, cellHeight: 'sm' },
  };
}

function override(
  name,
  { unit, decimals, thresholds, words, isBad = false, isPlain = false, isGauge = false },
) {
  const properties = [];
  if (unit !== undefined) {
    properties.push({ id: 'unit', value: unit });
  }
  if (decimals !== undefined) {
    properties.push({ id: 'decimals', value: decimals });
  }
  if (thresholds !== undefined) {
    properties.push(
      { id: 'thresholds', value: coloured(thresholds).thresholds },
      { id: 'custom.cellOptions', value: { type: 'color-text' } },
    );
  }
  if (words !== undefined) {
    const colour = (value) => (isPlain ? 'text' : (value === 1) === isBad ? 'red' : GREEN);
    const options = Object.fromEntries(
      words.map((text, value) => [value, { text, color: colour(value), index: value }]),
    );
    properties.push(
      { id: 'mappings', value: [{ type: 'value', options }] },
      { id: 'custom.cellOptions', value: { type: 'color-text' } },
    );
  }
  if (isGauge) {
    properties.push(
      { id: 'min', value: 0 },
      { id: 'max', value: 1 },
      { id: 'custom.cellOptions', value: { type: 'gauge', mode: 'basic' } },
    );
  }
  return properties.length === 0 ? [] : [{ matcher: { id: 'byName', options: name }, properties }];
}

function target([expr, legendFormat], index) {
  return {
    refId: letter(index),
    datasource: DATASOURCE,
    expr,
    legendFormat,
  };
}

function coloured(thresholds) {
  const steps = (thresholds ?? []).map(([value, color]) => ({ value, color }));
  return {
    color: { mode: 'thresholds' },
    thresholds: {
      mode: 'absolute',
      steps: [{ value: null, color: thresholds === undefined ? 'text' : GREEN }, ...steps],
    },
  };
}

function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A, B, C …: the ids of the queries of a panel. */
function letter(index) {
  return String.fromCodePoint('A'.codePointAt(0) + index);
}
