import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { closeAfterEach, repositoryRoot, startProcess, temporaryFolder } from '@fetchfleet/testing';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Deployment, StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { Container } from 'kubernetes-types/core/v1.d.ts';
import { parse, parseAllDocuments } from 'yaml';
import { readSettings, type WorkerSettings } from '../../src/config.ts';

closeAfterEach();

const FOLDER = join(repositoryRoot, 'deploy/kubernetes');
const MIB = 1024 * 1024;
/** A worker at full speed, without bodies: docs/operations.md. */
const WORKER_BYTES = 320e6;
/** Where the types of each kind are. */
const TYPES: Readonly<Record<string, string>> = {
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  Namespace: 'core/v1',
  PersistentVolumeClaim: 'core/v1',
  Service: 'core/v1',
  NetworkPolicy: 'networking/v1',
  PodDisruptionBudget: 'policy/v1',
};

interface Kustomization {
  readonly kind: string;
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
  readonly configMapGenerator?: readonly { readonly envs?: readonly string[] }[];
}

interface Manifest {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string };
}

type Workload = Deployment | StatefulSet;

const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !/\bsecrets\b/u.test(entry.parentPath))
  .map(({ parentPath, name }) => join(parentPath, name));
const kustomizations = new Map<string, Kustomization>();
let manifests: readonly Manifest[] = [];

beforeAll(async () => {
  for (const file of files.filter((one) => one.endsWith('/kustomization.yaml'))) {
    kustomizations.set(dirname(file), parse(await readFile(file, 'utf8')) as Kustomization);
  }
  const texts = await Promise.all(listed('resources').map(async (file) => readFile(file, 'utf8')));
  manifests = texts.flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS() as Manifest),
  );
});

/** Files and folders that kustomizations name. */
function listed(...keys: readonly ('resources' | 'other')[]): string[] {
  return [...kustomizations].flatMap(([folder, one]) => {
    const resources = keys.includes('resources') ? (one.resources ?? []) : [];
    const patches = (one.patches ?? []).map(({ path }) => path);
    const envs = (one.configMapGenerator ?? []).flatMap((map) => map.envs ?? []);
    const other = keys.includes('other') ? [...patches, ...envs] : [];
    return [...resources.filter((name) => name.endsWith('.yaml')), ...other].map((name) =>
      join(folder, name),
    );
  });
}

function workloads(): readonly Workload[] {
  return manifests.filter(({ kind }) => /^(?:Deployment|StatefulSet)$/u.test(kind)) as Workload[];
}

function podOf(name: string) {
  const found = workloads().find(({ metadata }) => metadata?.name === name);
  const pod = found?.spec?.template.spec;
  const [container] = pod?.containers ?? [];
  if (pod === undefined || container === undefined) {
    throw new Error(`there is no ${name}`);
  }
  return { pod, container };
}

/** As its pod starts it, but for what is secret. */
async function workerSettings({ env = [] }: Container): Promise<WorkerSettings> {
  const settings = parseEnv(await readFile(join(FOLDER, 'base/settings.env'), 'utf8'));
  const own = env.map(({ name, value }) => [name, value ?? 'redis://redis:6379'] as const);
  return readSettings([], { ...settings, ...Object.fromEntries(own) });
}

describe('deploy/kubernetes', () => {
  it('has documents without unknown keys or wrong types', async () => {
    const lines = manifests.map((manifest, at) => {
      const module = fileURLToPath(
        import.meta.resolve(`kubernetes-types/${TYPES[manifest.kind] ?? manifest.kind}.d.ts`),
      );
      return (
        `export const manifest${at}: import(${JSON.stringify(module)}).${manifest.kind} = ` +
        `${JSON.stringify(manifest, undefined, 2)};`
      );
    });
    const folder = await temporaryFolder('kubernetes');
    await writeFile(join(folder.path, 'manifests.ts'), lines.join('\n'));
    const flags = ['--noEmit', '--strict', '--ignoreConfig', '--allowImportingTsExtensions'];
    const program = join(repositoryRoot, 'node_modules/.bin/tsc');
    const tsc = await startProcess(program, [...flags, join(folder.path, 'manifests.ts')]);
    const { code } = await tsc.exit;
    expect(tsc.stdout).toBe('');
    expect(code).toBe(0);
    await folder.remove();
  });

  it('has no file that nothing names', () => {
    const named = [...listed('resources', 'other'), ...kustomizations.keys()];
    const own = files.map((file) => (file.endsWith('/kustomization.yaml') ? dirname(file) : file));
    expect(own.toSorted()).toEqual(named.toSorted());
  });

  it('lets workers end before they are killed, and hold as many bodies as they may', async () => {
    const { pod, container } = podOf('worker');
    const settings = await workerSettings(container);
    const graceMs = (pod.terminationGracePeriodSeconds ?? 0) * 1_000;
    // What a worker needs besides, where Redis is away.
    expect(graceMs).toBeGreaterThan(settings.drainTimeoutMs + 3_000);
    expect(settings.maxTimeoutMs).toBeLessThanOrEqual(settings.drainTimeoutMs);
    const limit = /^(\d+)Gi$/u.exec(String(container.resources?.limits?.['memory']));
    expect(Number(limit?.[1]) * 1024 * MIB).toBeGreaterThan(
      WORKER_BYTES + settings.concurrency * settings.maxBodyBytes,
    );
    expect(settings.metricsHost).toBe('0.0.0.0');
    expect(container.ports).toEqual([{ name: 'metrics', containerPort: settings.metricsPort }]);
  });

  it('gives pods no more than they need', () => {
    const names = workloads().map(({ metadata }) => metadata?.name);
    expect(names).toEqual(['worker', 'web', 'exporter', 'redis']);
    for (const { spec } of workloads()) {
      expect(spec?.template.spec).toMatchObject({
        automountServiceAccountToken: false,
        // FETCHFLEET_WEB_PORT and REDIS_PORT would be addresses of services.
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const container of spec?.template.spec?.containers ?? []) {
        expect(container).toMatchObject({
          readinessProbe: {},
          livenessProbe: {},
          resources: { requests: {}, limits: { memory: expect.any(String) } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        });
      }
    }
  });
});
