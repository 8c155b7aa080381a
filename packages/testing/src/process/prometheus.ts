import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../resources/eventually.ts';
import { freePort } from '../resources/free-port.ts';
import { temporaryFolder } from '../resources/temporary-folder.ts';
import { type Running, startProcess } from './process.ts';

const INSTALL =
  'apt-get install prometheus (Debian, Ubuntu) or brew install prometheus (macOS); npm test does the former';

/** One series in the answer of Prometheus to an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface Prometheus {
  readonly running: Running;
  /** The `data` of a page of its API, such as `/api/v1/rules`. */
  ask(page: string): Promise<unknown>;
  /** The current value of an expression, without series that are no number. */
  query(expression: string): Promise<readonly Sample[]>;
}

/**
 * Starts promtool, or Prometheus, from the Debian package.
 *
 * @throws Error that says how to install it
 */
export async function startPrometheusTool(
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

/** Starts Prometheus on a free port of this machine. @param config what prometheus.yml may say */
export async function startPrometheus(config: object): Promise<Prometheus> {
  const { path } = await temporaryFolder('prometheus');
  const file = join(path, 'prometheus.yml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const running = await startPrometheusTool('prometheus', [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(path, 'data')}`,
    `--web.listen-address=${address}`,
  ]);
  const ask = async (page: string): Promise<unknown> => {
    const response = await fetch(`http://${address}${page}`);
    return ((await response.json()) as { data: unknown }).data;
  };
  await eventually(async () => (await fetch(`http://${address}/-/ready`)).ok, { intervalMs: 100 });
  return { running, ask, query: async (expression) => query(ask, expression) };
}

async function query(ask: Prometheus['ask'], expression: string): Promise<readonly Sample[]> {
  const data = await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { result } = data as { result: readonly Sample[] };
  return result.filter(({ value }) => value[1] !== 'NaN');
}
