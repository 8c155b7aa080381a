import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  eventually,
  freePort,
  repositoryRoot,
  type Running,
  startProcess,
  temporaryFolder,
} from '@fetchfleet/testing';
import { parse } from 'yaml';

const INSTALL =
  'apt-get install prometheus (Debian, Ubuntu) or brew install prometheus (macOS); npm test does the former';

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

/** One series in the answer of Prometheus to an instant query. */
interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
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

/** Starts promtool, or Prometheus, from the Debian package. */
async function startTool(
  name: 'promtool' | 'prometheus',
  args: readonly string[],
  input?: string,
): Promise<Running> {
  try {
    return await startProcess(name, args, input === undefined ? {} : { input });
  } catch (error) {
    throw new Error(`${name} cannot be started: ${INSTALL}`, { cause: error });
  }
}

/** Runs promtool; returns its output and whether it succeeded. */
export async function promtool(
  args: readonly string[],
  input?: string,
): Promise<{ readonly ok: boolean; readonly output: string }> {
  const running = await startTool('promtool', args, input);
  const { code } = await running.exit;
  return { ok: code === 0, output: `${running.stdout}${running.stderr}` };
}

/**
 * Starts Prometheus with the rules of deploy/; it scrapes these ports of this machine every second.
 */
export async function startPrometheus(ports: readonly number[]) {
  const { path } = await temporaryFolder('prometheus');
  const config = parse(await readFile(join(PROMETHEUS, 'prometheus.yml'), 'utf8')) as {
    rule_files: string[];
  };
  const ours = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: config.rule_files.map((file) => join(PROMETHEUS, file)),
    scrape_configs: [
      { job_name: JOB, static_configs: [{ targets: ports.map((port) => `127.0.0.1:${port}`) }] },
    ],
  };
  // JSON is YAML.
  await writeFile(join(path, 'prometheus.yml'), JSON.stringify(ours));
  const address = `127.0.0.1:${await freePort()}`;
  const running = await startTool('prometheus', [
    `--config.file=${join(path, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(path, 'data')}`,
    `--web.listen-address=${address}`,
  ]);
  const ask = async (page: string): Promise<unknown> => {
    const response = await fetch(`http://${address}${page}`);
    return ((await response.json()) as { data: unknown }).data;
  };
  await eventually(async () => (await fetch(`http://${address}/-/ready`)).ok, { intervalMs: 100 });
  return {
    running,
    ask,
    /** The current value of an expression, without series that are no number. */
    async query(expression: string): Promise<readonly Sample[]> {
      const data = await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`);
      const { result } = data as { result: readonly Sample[] };
      return result.filter(({ value }) => value[1] !== 'NaN');
    },
  };
}
