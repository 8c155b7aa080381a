import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot, type Running, startProcess, temporaryFolder } from '@fetchfleet/testing';
import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1';
import { parseAllDocuments } from 'yaml';

export const KUBERNETES = join(repositoryRoot, 'deploy/kubernetes');

const INSTALL =
  'it comes with Kubernetes, as kubernetes-client in Debian, as kubectl elsewhere; 1.27 or newer';

export interface Manifest {
  readonly kind: string;
  readonly apiVersion: string;
}

export type Workload = Manifest & Pick<IDeployment | IStatefulSet, 'metadata' | 'spec'>;

/** Whether it has pods. */
export function isWorkload(manifest: Manifest): manifest is Workload {
  return manifest.kind === 'Deployment' || manifest.kind === 'StatefulSet';
}

/** What is put together: names of folders in deploy/kubernetes. */
export interface Pieces {
  readonly resources: readonly string[];
  readonly components: readonly string[];
}

/** A copy of deploy/kubernetes, with secrets that are there but empty. */
export async function kubernetesFolder() {
  const copy = await temporaryFolder('kubernetes');
  const { path } = copy;
  await cp(KUBERNETES, path, {
    recursive: true,
    filter: (source) => !/\/secrets(?:\/|$)/u.test(source),
  });
  await cp(join(path, 'example/secrets.example'), join(path, 'example/secrets'), {
    recursive: true,
  });
  return {
    remove: async () => copy.remove(),
    /** What `kubectl apply -k` would apply of one folder. */
    render: async (folder: string) => render(join(path, folder)),
    /** The same of a kustomization with these pieces. */
    async compose(pieces: Pieces): Promise<readonly Manifest[]> {
      const folder = join(path, 'composed');
      await mkdir(folder, { recursive: true });
      const kustomization = {
        namespace: 'fetchfleet',
        resources: pathsOf(pieces.resources),
        components: pathsOf(pieces.components),
      };
      // JSON is YAML.
      await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
      return render(folder);
    },
  };
}

function pathsOf(names: readonly string[]): string[] {
  return names.map((name) => `../${name}`);
}

async function render(folder: string): Promise<readonly Manifest[]> {
  const kubectl = await startKubectl(['kustomize', folder]);
  const { code } = await kubectl.exit;
  if (code !== 0) {
    throw new Error(kubectl.stderr);
  }
  // The compiler checks them by the types of their kinds.
  return parseAllDocuments(kubectl.stdout).map((document) => document.toJS() as Manifest);
}

async function startKubectl(args: readonly string[]): Promise<Running> {
  try {
    return await startProcess('kubectl', args);
  } catch (error) {
    throw new Error(`kubectl cannot be started: ${INSTALL}`, { cause: error });
  }
}

/** The package that has the types of an API, which are those of the cluster. */
function packageOf(apiVersion: string): string {
  if (apiVersion.startsWith('keda.sh/')) {
    return '@kubernetes-models/keda';
  }
  return apiVersion.startsWith('monitoring.coreos.com/')
    ? '@kubernetes-models/prometheus-operator'
    : 'kubernetes-models';
}

/** @returns what the compiler says of unknown keys and wrong types in manifests; '' for nothing */
export async function typeErrors(manifests: readonly object[]): Promise<string> {
  const lines = manifests.map((manifest, at) => {
    const { apiVersion, kind } = manifest as Manifest;
    const module = import.meta.resolve(`${packageOf(apiVersion)}/${apiVersion}`);
    return (
      `export const manifest${at}: import(${JSON.stringify(fileURLToPath(module))}).I${kind} = ` +
      `${JSON.stringify(manifest, undefined, 2)};`
    );
  });
  const folder = await temporaryFolder('manifests');
  const file = join(folder.path, 'manifests.mts');
  await writeFile(file, lines.join('\n'));
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--ignoreConfig', '--types', ''];
  const program = join(repositoryRoot, 'node_modules/.bin/tsc');
  const tsc = await startProcess(program, [...flags, '--module', 'nodenext', file]);
  await tsc.exit;
  await folder.remove();
  return `${tsc.stdout}${tsc.stderr}`;
}
