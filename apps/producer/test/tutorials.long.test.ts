import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import {
  closeAfterEach,
  freePort,
  repositoryRoot,
  startPostgres,
  startRedis,
  startS3,
} from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';
import { Project } from './cli-fixture.ts';
import { isTutorial, listDocuments } from './docs-fixture.ts';
import { type Surroundings, troubleWithTutorial } from './tutorial-fixture.ts';

closeAfterEach();

/** What a page needs besides the programs, by path. */
const SURROUNDINGS: Readonly<Record<string, (project: Project) => Promise<Surroundings>>> = {
  'docs/tutorials/kubernetes.md': cluster,
  'docs/tutorials/pages-into-postgres.md': postgres,
};

it('the tutorials work, and their commands print what the pages show', async () => {
  const tutorials = listDocuments().filter((document) => isTutorial(document));
  expect(tutorials.length).toBeGreaterThan(4);
  // They mostly wait for processes, so all run at the same time.
  const trouble = await Promise.all(tutorials.map(async (document) => troubleWith(document)));
  expect(trouble.flat()).toEqual([]);
});

async function troubleWith(document: string): Promise<unknown[]> {
  const project = await Project.create();
  const surroundings = await SURROUNDINGS[document]?.(project);
  const trouble = await troubleWithTutorial(document, project, surroundings);
  await project.remove();
  return trouble.map((step) => ({ document, step }));
}

async function postgres(): Promise<Surroundings> {
  const { url, password } = await startPostgres();
  const { host } = new URL(url);
  return {
    substitutes: [
      ['postgres@127.0.0.1:5432/postgres', `fleet@${host}/postgres`],
      ['PGPASSWORD=few', `PGPASSWORD='${password}'`],
    ],
  };
}

/** What the reader has in a cluster: Redis, a worker, a bucket, and an API that it reaches. */
async function cluster(project: Project): Promise<Surroundings> {
  const password = 'of-openssl';
  const redis = await startRedis({ appendonly: true, settings: { requirepass: password } });
  const s3 = await startS3();
  const port = await freePort();
  const api = await project.start(['--port', String(port)], { command: 'fetchfleet-sample-api' });
  await api.waitForLine(/on http/u);
  await project.start(['--allow-private', '--metrics-port', '0'], {
    command: 'fetchfleet-worker',
    env: {
      ...s3.env,
      REDIS_URL: `redis://:${password}@127.0.0.1:${redis.port}`,
      FETCHFLEET_RESULTS: `s3://${s3.bucket}/crawls`,
    },
  });
  await cp(join(repositoryRoot, 'deploy'), project.path('work/deploy'), {
    recursive: true,
    filter: (source) => !/\/secrets(?:\/|$)/u.test(source),
  });
  return {
    env: s3.env,
    ports: [[6379, redis.port]],
    substitutes: [
      ['$(openssl rand -hex 24)', password],
      ['s3://my-bucket/', `s3://${s3.bucket}/`],
      ['https://api.example', `http://127.0.0.1:${port}`],
      [
        'contact: crawler@example.com\n',
        'contact: crawler@example.com\nnetwork: { allowPrivate: true }\n',
      ],
    ],
  };
}
