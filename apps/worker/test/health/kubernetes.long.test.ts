import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { closeAfterEach } from '@fetchfleet/testing';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { IScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1';
import type {
  IPodMonitor,
  IPrometheusRule,
} from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IConfigMap, IContainer, IPersistentVolumeClaim } from 'kubernetes-models/v1';
import { parse } from 'yaml';
import { readSettings, type WorkerSettings } from '../../src/config.ts';
import {
  isWorkload,
  KUBERNETES,
  kubernetesFolder,
  type Manifest,
  typeErrors,
  type Workload,
} from './kubernetes-fixture.ts';
import { PROMETHEUS } from './observability-fixture.ts';

closeAfterEach();

const MIB = 1024 * 1024;
/** A worker at full speed, without bodies: docs/operations.md. */
const WORKER_BYTES = 320e6;

const OVERLAYS = ['keda', 'persistent-volume', 'prometheus-operator'];

/** With results in S3. */
let base: readonly Manifest[] = [];
let everything: readonly Manifest[] = [];
let example: readonly Manifest[] = [];

beforeAll(async () => {
  const folder = await kubernetesFolder();
  base = await folder.compose({ resources: ['base', 'redis'], components: [] });
  everything = await folder.compose({ resources: ['base', 'redis'], components: OVERLAYS });
  example = await folder.render('example');
  await folder.remove();
});

function workloadsOf(manifests: readonly Manifest[]): readonly Workload[] {
  return manifests.filter((manifest) => isWorkload(manifest));
}

function workload(name: string, manifests = base) {
  const found = workloadsOf(manifests).find(({ metadata }) => metadata?.name === name);
  const pod = found?.spec?.template.spec;
  const [container] = pod?.containers ?? [];
  if (found?.spec === undefined || pod === undefined || container === undefined) {
    throw new Error(`there is no ${name}`);
  }
  return { spec: found.spec, pod, container };
}

/** Kinds that are looked at, and of which there is one. */
interface Kinds {
  readonly ConfigMap: IConfigMap;
  readonly PersistentVolumeClaim: IPersistentVolumeClaim;
  readonly PodDisruptionBudget: IPodDisruptionBudget;
  readonly PodMonitor: IPodMonitor;
  readonly PrometheusRule: IPrometheusRule;
  readonly ScaledObject: IScaledObject;
}

/** The only manifest of a kind. */
function only<K extends keyof Kinds>(kind: K, manifests: readonly Manifest[]): Kinds[K] {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  expect(found).toHaveLength(1);
  // The compiler checks all manifests by the types of their kinds: see the first test.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return found[0] as unknown as Kinds[K];
}

/** As its pod starts it, but for what is secret. */
async function workerSettings({ env = [] }: IContainer): Promise<WorkerSettings> {
  const settings = parseEnv(await readFile(join(KUBERNETES, 'base/settings.env'), 'utf8'));
  const own = env.map(({ name, value }) => [name, value ?? 'redis://redis:6379'] as const);
  return readSettings([], { ...settings, ...Object.fromEntries(own) });
}

describe('deploy/kubernetes', () => {
  it('has no unknown key and no wrong type', async () => {
    expect(await typeErrors([...base, ...everything, ...example])).toBe('');
  });

  it('would not pass with a misspelled key in a manifest of any kind', async () => {
    const kinds = new Map(everything.map((manifest) => [manifest.kind, manifest]));
    const misspelled = [...kinds.values()].map((manifest) => ({ ...manifest, metadatta: {} }));
    const errors = await typeErrors(misspelled);
    expect(errors.match(/'"?metadatta"?' does not exist/gu)).toHaveLength(kinds.size);
    const { spec } = only('ScaledObject', everything);
    const [trigger] = spec.triggers;
    const scaler = { ...spec, triggers: [{ ...trigger, treshold: '5' }] };
    const { spec: worker, pod, container } = workload('worker');
    const probe = { ...container.readinessProbe, periodSecond: 5 };
    const containers = [{ ...container, readinessProbe: probe }];
    const template = { ...worker.template, spec: { ...pod, containers } };
    const deeper = await typeErrors([
      { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', spec: scaler },
      { apiVersion: 'apps/v1', kind: 'Deployment', spec: { ...worker, template } },
    ]);
    expect(deeper).toMatch(/'"?treshold"?' does not exist/u);
    expect(deeper).toMatch(/'"?periodSecond"?' does not exist/u);
  });

  it('has no folder that is no piece of a fleet', () => {
    const folders = readdirSync(KUBERNETES).toSorted();
    expect(folders).toEqual(['base', 'example', ...OVERLAYS, 'redis'].toSorted());
  });

  it('lets workers end before they are killed, and hold as many bodies as they may', async () => {
    const { pod, container } = workload('worker');
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
    expect(settings.results.kind).toBe('s3');
    expect(container.ports).toEqual([{ name: 'metrics', containerPort: settings.metricsPort }]);
  });

  it('gives pods no more than they need', () => {
    const names = workloadsOf(base).map(({ metadata }) => metadata?.name ?? '');
    expect(names.toSorted()).toEqual(['exporter', 'redis', 'web', 'worker']);
    for (const { spec } of workloadsOf([...base, ...everything, ...example])) {
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

  it('lets workers be evicted one after the other', () => {
    expect(only('PodDisruptionBudget', base)).toMatchObject({
      spec: { maxUnavailable: 1, selector: workload('worker').spec.selector },
    });
  });

  it('lets pods reach Redis, names and origins, and nothing else', () => {
    const policies = base.filter(({ kind }) => kind === 'NetworkPolicy') as INetworkPolicy[];
    const egressOf = (app: string) => {
      const labels = workload(app).spec.template.metadata?.labels ?? {};
      const own = policies.filter(({ spec }) =>
        Object.entries(spec?.podSelector?.matchLabels ?? {}).every(
          ([name, value]) => labels[name] === value,
        ),
      );
      expect(own.map(({ metadata }) => metadata?.name)).toContain('nothing');
      return own.flatMap(({ spec }) => spec?.egress ?? []);
    };
    const redis = {
      to: [{ podSelector: { matchLabels: { app: 'redis' } } }],
      ports: [{ protocol: 'TCP', port: 6379 }],
    };
    const names = {
      ports: [
        { protocol: 'UDP', port: 53 },
        { protocol: 'TCP', port: 53 },
      ],
    };
    const origins = {
      to: [
        {
          ipBlock: {
            cidr: '0.0.0.0/0',
            except: expect.arrayContaining(['10.0.0.0/8', '169.254.0.0/16', '192.168.0.0/16']),
          },
        },
        { ipBlock: { cidr: '::/0', except: expect.arrayContaining(['fc00::/7']) } },
      ],
    };
    const isAllOf = (app: string, rules: readonly object[]) => {
      const own = egressOf(app);
      expect(own).toHaveLength(rules.length);
      for (const rule of rules) {
        expect(own).toContainEqual(expect.objectContaining(rule));
      }
    };
    isAllOf('worker', [redis, names, origins]);
    isAllOf('web', [redis, names, origins]);
    isAllOf('exporter', [redis, names]);
    isAllOf('redis', []);
  });
});

describe('the overlay keda', () => {
  it('scales the workers alone, by their own concurrency', async () => {
    const { spec } = only('ScaledObject', everything);
    expect(everything.map(({ kind }) => kind)).not.toContain('HorizontalPodAutoscaler');
    expect(workload('worker', everything).spec.replicas).toBeUndefined();
    expect(spec.scaleTargetRef).toEqual({ name: 'worker' });
    expect([spec.minReplicaCount, spec.maxReplicaCount]).toEqual([0, 8]);
    const { concurrency } = await workerSettings(workload('worker').container);
    const thresholds = spec.triggers.map(({ metadata }) => Number(metadata['threshold']));
    expect(thresholds).toEqual([concurrency, 1]);
  });

  it('asks for the job that the monitor makes, and takes no answer for none', () => {
    const { spec } = only('PodMonitor', everything);
    const [endpoint] = spec.podMetricsEndpoints ?? [];
    const job = endpoint?.relabelings?.find(({ targetLabel }) => targetLabel === 'job');
    const scaler = only('ScaledObject', everything);
    for (const { metadata } of scaler.spec.triggers) {
      const { query = '', ignoreNullValues } = metadata;
      const series = query.match(/fetchfleet_\w+/gu) ?? [];
      expect(query.match(/job="[^"]+"/gu)).toEqual(series.map(() => `job="${job?.replacement}"`));
      expect(ignoreNullValues).toBe('false');
    }
  });
});

describe('the overlay prometheus-operator', () => {
  it('has the rules of deploy/prometheus: see npm run rules', async () => {
    const groups = await Promise.all(
      ['recording.yml', 'alerts.yml'].map(async (name) => {
        const text = await readFile(join(PROMETHEUS, name), 'utf8');
        return (parse(text) as { groups: unknown[] }).groups;
      }),
    );
    const { spec } = only('PrometheusRule', everything);
    expect(spec.groups).toEqual(groups.flat());
  });

  it('scrapes the port of workers and of the exporter', () => {
    const { spec } = only('PodMonitor', everything);
    const [choice] = spec.selector.matchExpressions ?? [];
    const ports = spec.podMetricsEndpoints?.map(({ port }) => port);
    for (const app of choice?.values ?? []) {
      const { spec: own, container } = workload(app);
      expect(own.template.metadata?.labels).toMatchObject({ [choice?.key ?? '']: app });
      expect(container.ports?.map(({ name }) => name)).toEqual(ports);
    }
    expect(choice?.values).toEqual(['worker', 'exporter']);
  });
});

describe('the overlay persistent-volume', () => {
  it('gives workers and page one volume for their results', () => {
    const claim = only('PersistentVolumeClaim', everything);
    expect(claim.spec?.accessModes).toEqual(['ReadWriteMany']);
    expect(only('ConfigMap', everything)).toMatchObject({
      data: { FETCHFLEET_RESULTS: '/data/results' },
    });
    for (const app of ['worker', 'web']) {
      const { pod, container } = workload(app, everything);
      expect(pod.volumes).toContainEqual({
        name: 'results',
        persistentVolumeClaim: { claimName: claim.metadata?.name },
      });
      expect(container.volumeMounts).toContainEqual({
        name: 'results',
        mountPath: '/data/results',
      });
    }
  });
});
