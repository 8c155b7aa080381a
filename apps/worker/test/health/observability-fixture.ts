import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Prometheus,
  repositoryRoot,
  startPrometheus,
  startPrometheusTool,
} from '@fetchfleet/testing';
import { parse } from 'yaml';

/** The job of docker-compose's fleet; `$job` in dashboards. */
export const JOB = 'fetchfleet-worker';
export const PROMETHEUS = join(repositoryRoot, 'deploy/prometheus');
const DASHBOARDS = join(repositoryRoot, 'deploy/grafana/dashboards');

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly description?: string;
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly {
      readonly name: string;
      readonly type: string;
      readonly definition?: string;
    }[];
  };
}

export async function readRules(file: string): Promise<readonly Rule[]> {
  const { groups } = parse(await readFile(join(PROMETHEUS, file), 'utf8')) as {
    groups: { rules: Rule[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

export async function readDashboards(folder = DASHBOARDS): Promise<Record<string, Dashboard>> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const read = async (name: string): Promise<[string, Dashboard]> => [
    name,
    JSON.parse(await readFile(join(folder, name), 'utf8')) as Dashboard,
  ];
  return Object.fromEntries(await Promise.all(files.toSorted().map(read)));
}

/**
 * The names of our metrics in an expression, without those of recording rules, which contain
 * colons.
 */
export function metricsIn(expression: string): string[] {
  return [...expression.matchAll(/(?<![\w:])fetchfleet_\w+(?![\w:])/gu)].map(([name]) => name);
}

/** Runs promtool; returns its output and whether it succeeded. */
export async function promtool(
  args: readonly string[],
  input?: string,
): Promise<{ readonly ok: boolean; readonly output: string }> {
  const running = await startPrometheusTool('promtool', args, input);
  const { code } = await running.exit;
  return { ok: code === 0, output: `${running.stdout}${running.stderr}` };
}

/**
 * Starts Prometheus with the rules of deploy/; it scrapes these ports of this machine every second.
 */
export async function startWithRules(ports: readonly number[]): Promise<Prometheus> {
  const config = parse(await readFile(join(PROMETHEUS, 'prometheus.yml'), 'utf8')) as {
    rule_files: string[];
  };
  return startPrometheus({
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: config.rule_files.map((file) => join(PROMETHEUS, file)),
    scrape_configs: [
      { job_name: JOB, static_configs: [{ targets: ports.map((port) => `127.0.0.1:${port}`) }] },
    ],
  });
}
