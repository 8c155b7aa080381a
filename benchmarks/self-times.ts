/** The format of `--cpu-prof` of Node. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      /** From 0, like the column. */
      readonly lineNumber: number;
      readonly columnNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  /** Function, file and line. */
  readonly what: string;
  /** Package, app, or a part of Node. */
  readonly source: string;
  readonly micros: number;
}

/**
 * The self time of each function, the longest first.
 *
 * @param from samples before the first one in a file of this path are start-up and are left out
 */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile, from: string): SelfTime[] {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const sums = new Map<string, { source: string; micros: number }>();
  let isStarted = false;
  for (const [at, id] of samples.entries()) {
    const frame = byId.get(id);
    if (frame === undefined) {
      continue;
    }
    // Line 0 is the module itself while it loads.
    isStarted ||= frame.url.includes(from) && frame.lineNumber > 0;
    if (!isStarted) {
      continue;
    }
    const { functionName, url, lineNumber } = frame;
    const name = functionName === '' ? '(anonymous)' : functionName;
    const what = url === '' ? name : `${name} ${shortPath(url)}:${lineNumber + 1}`;
    const sum = sums.get(what) ?? { source: sourceOf(url, name), micros: 0 };
    sums.set(what, sum);
    sum.micros += timeDeltas[at] ?? 0;
  }
  return [...sums].map(([what, sum]) => ({ what, ...sum })).toSorted((a, b) => b.micros - a.micros);
}

function shortPath(url: string): string {
  return url.replace(/^file:\/\//, '').replace(/^.*\/((node_modules|apps|packages)\/)/, '$1');
}

function sourceOf(url: string, name: string): string {
  const [, modules] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (modules !== undefined) {
    return modules;
  }
  const [, own] = /\/((?:apps|packages)\/[^/]+)\//.exec(url) ?? [];
  if (own !== undefined) {
    return own;
  }
  if (url.startsWith('node:')) {
    return 'Node, its JavaScript';
  }
  return name.startsWith('(') && name !== '(anonymous)' ? name : 'Node, native and system calls';
}
