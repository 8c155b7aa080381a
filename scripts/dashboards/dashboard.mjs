import { DATASOURCE } from './datasource.mjs';
import { job } from './queries.mjs';

const WIDTH = 24;

/** A dashboard of rows and panels, in reading order. */
export function dashboard(name, title, description, parts) {
  const variable = {
    fleet: [],
    origins: [choice('origin', 'fetchfleet_origin_in_use')],
    batches: [choice('batch', 'fetchfleet_batch_fetches')],
  };
  return {
    uid: `fetchfleet-${name}`,
    title: `fetchfleet: ${title}`,
    description,
    tags: ['fetchfleet'],
    schemaVersion: 39,
    editable: false,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    links: [
      {
        type: 'dashboards',
        title: 'fetchfleet',
        tags: ['fetchfleet'],
        keepTime: true,
        includeVars: true,
        asDropdown: false,
        targetBlank: false,
        icon: 'external link',
        tooltip: '',
        url: '',
      },
    ],
    templating: { list: [datasourceVariable(), jobVariable(), ...variable[name]] },
    panels: laidOut(parts),
  };
}

function datasourceVariable() {
  return {
    name: 'datasource',
    label: 'Prometheus',
    type: 'datasource',
    query: 'prometheus',
    hide: 0,
    refresh: 1,
  };
}

function jobVariable() {
  return {
    ...query('job', 'label_values(fetchfleet_exporter, job)'),
    label: 'Fleet',
    includeAll: false,
    multi: false,
  };
}

function choice(label, metric) {
  return {
    ...query(label, `label_values(${metric}{${job}}, ${label})`),
    label: label[0].toUpperCase() + label.slice(1),
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'] },
  };
}

function query(name, expression) {
  return {
    name,
    type: 'query',
    datasource: DATASOURCE,
    definition: expression,
    query: { query: expression, refId: name },
    refresh: 2,
    sort: 1,
    hide: 0,
  };
}

/** A row starts a new line. Panels without a width share the rest of their line. */
function laidOut(parts) {
  const panels = [];
  let y = 0;
  let line = [];
  const flush = () => {
    let x = 0;
    const free = WIDTH - line.reduce((sum, { width = 0 }) => sum + width, 0);
    const others = line.filter(({ width }) => width === undefined).length;
    for (const { width = Math.floor(free / others), height, ...panel } of line) {
      panels.push({ id: panels.length + 1, ...panel, gridPos: { x, y, w: width, h: height } });
      x += width;
    }
    y += Math.max(0, ...line.map(({ height }) => height));
    line = [];
  };
  for (const part of parts) {
    const used = line.reduce((sum, { width = 4 }) => sum + width, 0);
    const breaks =
      part.type === 'row' ||
      (part.type !== line[0]?.type && line[0]?.type === 'stat') ||
      used + (part.width ?? 4) > WIDTH;
    if (breaks) {
      flush();
    }
    if (part.type === 'row') {
      panels.push({ id: panels.length + 1, ...part, gridPos: { x: 0, y, w: WIDTH, h: 1 } });
      y += 1;
    } else {
      line.push(part);
    }
  }
  flush();
  return panels;
}
