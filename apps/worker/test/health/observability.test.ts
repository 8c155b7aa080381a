import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CATALOGUE } from '@fetchfleet/service';
import { closeAfterEach, repositoryRoot, startProcess, temporaryFolder } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import {
  metricsIn,
  PROMETHEUS,
  promtool,
  readDashboards,
  readRules,
} from './observability-fixture.ts';

closeAfterEach();

const GRAFANA_WIDTH = 24;

/** Every series name that a worker can export. */
const SERIES = new Set(
  Object.values(CATALOGUE).flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

async function alertTestFiles(): Promise<string[]> {
  const folder = join(PROMETHEUS, 'tests');
  return (await readdir(folder)).map((name) => join(folder, name));
}

describe('the rules of Prometheus', () => {
  it('are valid, as is the configuration', async () => {
    const { ok, output } = await promtool(['check', 'config', join(PROMETHEUS, 'prometheus.yml')]);
    expect(output).not.toMatch(/FAILED|error|duplicate/iu);
    expect(ok).toBe(true);
  });

  it('pass the unit tests of their alerts', async () => {
    const { ok, output } = await promtool(['test', 'rules', ...(await alertTestFiles())]);
    expect(output).not.toContain('FAILED');
    expect(ok).toBe(true);
  });

  it('have for every alert a unit test in which it fires and one in which it does not', async () => {
    const texts = await Promise.all((await alertTestFiles()).map((file) => readFile(file, 'utf8')));
    const tests = texts.flatMap(
      (text) =>
        (
          parse(text) as {
            tests: { promql_expr_test: { expr: string; exp_samples: unknown[] }[] }[];
          }
        ).tests,
    );
    const asked = tests.flatMap(({ promql_expr_test: cases }) => cases);
    for (const { alert } of (await readRules('alerts.yml')).values()) {
      const own = asked.filter(({ expr }) => expr.includes(`alertname="${alert}"`));
      const [quiet, firing] = [true, false].map((isQuiet) =>
        own.some(({ exp_samples: samples }) => (samples.length === 0) === isQuiet),
      );
      expect({ alert, quiet, firing }).toEqual({ alert, quiet: true, firing: true });
    }
  });

  it('name alerts by one pattern, each with severity, summary, description and a link to its runbook', async () => {
    const label = '{{ with $externalLabels.fetchfleet_docs }}{{ . }}{{ else }}';
    const docs = `${label}docs{{ end }}`;
    for (const { alert, labels, annotations } of await readRules('alerts.yml')) {
      expect(alert).toMatch(/^Fetchfleet[A-Z][A-Za-z]+$/u);
      expect(labels?.['severity']).toMatch(/^(critical|warning|info)$/u);
      expect(annotations).toEqual({
        summary: expect.any(String),
        description: expect.stringMatching(/\.$/u),
        runbook_url: `${docs}/metrics.md#${alert?.toLowerCase()}`,
      });
    }
  });

  it('say in each description how long the alert has waited before it fired', async () => {
    const units: Record<string, string> = { m: 'minute', h: 'hour' };
    for (const { alert, for: waited = '', annotations } of await readRules('alerts.yml')) {
      const [, count = '', unit = ''] = /^(\d+)([mh])$/u.exec(waited) ?? [];
      const words = count === '' ? '' : `or ${count} ${units[unit]}${count === '1' ? '' : 's'}`;
      expect({ alert, description: annotations?.['description'] }).toEqual({
        alert,
        description: expect.stringContaining(words),
      });
    }
  });

  it('use only metrics of the catalogue and recording rules that exist', async () => {
    const recording = await readRules('recording.yml');
    const alerts = await readRules('alerts.yml');
    const records = new Set(recording.map(({ record }) => record));
    for (const { expr } of [...recording, ...alerts]) {
      expect(metricsIn(expr).filter((name) => !SERIES.has(name))).toEqual([]);
      expect((expr.match(/job\w*:[\w:]+/gu) ?? []).filter((name) => !records.has(name))).toEqual(
        [],
      );
    }
  });
});

describe('the dashboards of Grafana', () => {
  it('are those that npm run dashboards makes', async () => {
    const { path } = await temporaryFolder('dashboards');
    const script = join(repositoryRoot, 'scripts/dashboards/make.mjs');
    const made = await startProcess('node', [script, path]);
    expect(await made.exit).toEqual({ code: 0, signal: null });
    expect(await readDashboards()).toEqual(await readDashboards(path));
  });

  it('use only metrics of the catalogue, and show every one of them', async () => {
    const dashboards = Object.values(await readDashboards());
    const recording = await readRules('recording.yml');
    const expressions = dashboards.flatMap(({ panels }) =>
      panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    );
    const used = new Set(expressions.flatMap(metricsIn));
    expect([...used].filter((name) => !SERIES.has(name))).toEqual([]);
    const recorded = recording
      .filter(({ record }) => expressions.some((expr) => expr.includes(record ?? '')))
      .flatMap(({ expr }) => metricsIn(expr));
    const shown = new Set([...used, ...recorded]);
    const hidden = Object.values(CATALOGUE)
      .filter(({ name }) => !shown.has(name) && !shown.has(`${name}_bucket`))
      .map(({ name }) => name);
    expect(hidden).toEqual([]);
  });

  it.each(['fleet.json', 'origins.json', 'batches.json'])(
    '%s describes every panel, and no panel covers another',
    async (name) => {
      const { panels } = (await readDashboards())[name] ?? { panels: [] };
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      const taken = new Set<string>();
      for (const { type, title, description, gridPos } of panels) {
        expect({ title, isExplained: type === 'row' || description !== undefined }).toEqual({
          title,
          isExplained: true,
        });
        expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(GRAFANA_WIDTH);
        for (let { x } = gridPos; x < gridPos.x + gridPos.w; x += 1) {
          for (let { y } = gridPos; y < gridPos.y + gridPos.h; y += 1) {
            expect(taken.has(`${x},${y}`)).toBe(false);
            taken.add(`${x},${y}`);
          }
        }
      }
    },
  );
});

interface Service {
  readonly image?: string;
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
}

describe('docker-compose.yml', () => {
  it('publishes ports on loopback only', async () => {
    const { services } = await readYaml<{ services: Record<string, Service> }>(
      'docker-compose.yml',
    );
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);
    expect(published.length).toBeGreaterThan(3);
    expect(published.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('starts Prometheus and Grafana by profile, with pinned versions', async () => {
    const { services } = await readYaml<{ services: Record<string, Service> }>(
      'docker-compose.yml',
    );
    const observed = Object.entries(services).filter(([, { profiles = [] }]) =>
      profiles.includes('observability'),
    );
    expect(observed.map(([name]) => name)).toEqual(['prometheus', 'grafana']);
    for (const [, { image }] of observed) {
      expect(image).toMatch(/:v?\d+\.\d+\.\d+$/u);
    }
  });

  it('mounts existing files where Grafana and Prometheus look for them', async () => {
    const { services } = await readYaml<{ services: Record<string, Service> }>(
      'docker-compose.yml',
    );
    const mounts = Object.values(services)
      .flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')))
      .filter(([source = '']) => source.startsWith('./'));
    for (const [source = ''] of mounts) {
      expect(existsSync(join(repositoryRoot, source))).toBe(true);
    }
    const targets = new Map(mounts.map(([source, target]) => [source, target]));
    const { providers } = await readYaml<{ providers: { options: { path: string } }[] }>(
      'deploy/grafana/provisioning/dashboards/fetchfleet.yml',
    );
    expect(providers.map(({ options }) => options.path)).toEqual([
      targets.get('./deploy/grafana/dashboards'),
    ]);
    expect(targets.get('./deploy/prometheus')).toBe('/etc/prometheus');
  });
});

async function readYaml<T>(path: string): Promise<T> {
  return parse(await readFile(join(repositoryRoot, path), 'utf8')) as T;
}
