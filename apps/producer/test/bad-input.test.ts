import { mkdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { installLeakGuard, repositoryRoot, startProcess } from '@fetchfleet/testing';
import { type Ended, Project } from './cli-fixture.ts';

/** What is wrong, the command line, and the message. All of them exit with 2. */
const COMMAND_LINES: [what: string, args: string[], message: RegExp][] = [
  ['a mistyped command', ['exprot', 'x'], /did you mean export/iu],
  ['a mistyped flag', ['run', 'good.yaml', '--wokers', '2'], /did you mean --workers/iu],
  ['no command', [], /Usage: fetchfleet/u],
  ['a missing argument', ['cancel'], /missing required argument/u],
  ['one argument too many', ['cancel', 'a', 'b'], /too many arguments/u],
  ['a format that does not exist', ['export', 'x', '--format', 'xml'], /ndjson, csv/u],
  ['an export of an unknown batch', ['export', 'test-20261123-0017-k3f8'], /did you mean test-/u],
  ['an export out of the folder', ['export', '../etc'], /no batch/u],
  ['an export from nowhere', ['export', 'x', '--results', 'nowhere'], /no results folder/u],
  ['JSON and records on one stdout', ['export', 'x', '--json'], /-o FILE/u],
  ['a start without Redis', ['start', 'bad.yaml'], /nothing was enqueued/u],
  ['a status where nothing has run', ['status'], /REDIS_URL is not set/u],
  ['a resume where nothing has run', ['resume', 'x'], /REDIS_URL is not set/u],
];

/** Secrets that workers would not send, the command line, and the message. */
const SECRETS: typeof COMMAND_LINES = [
  [
    'secrets of the machine',
    ['run', 'machine.yaml'],
    /AWS_SESSION_TOKEN is not sent just.*--secrets/u,
  ],
  [
    'a secret for another origin',
    ['run', 'good.yaml', '--secrets', 'TOKEN_*@https://b.example'],
    /binds TOKEN_A/u,
  ],
  [
    'a secret that is not allowed',
    ['run', 'good.yaml', '--secrets', ''],
    /TOKEN_B is not sent; to allow/u,
  ],
  [
    'a value as the name of a secret',
    ['run', 'good.yaml', '--secrets', 'A=1'],
    /entry 1 is not a name/u,
  ],
];

let project: Project;
/** They run at the same time, because each starts Node. */
const ends = new Map<string, Ended>();

beforeAll(async () => {
  project = await Project.create();
  await project.write(
    'good.yaml',
    'url: https://a.example/{n}\nparams: { n: [1, 2] }\n' +
      'headers: { authorization: "${env:TOKEN_A}", x-key: "${env:TOKEN_B}" }\n',
  );
  await project.write(
    'machine.yaml',
    'url: https://a.example/\nheaders: { x: "${env:AWS_SESSION_TOKEN}" }\n',
  );
  await project.write('bad.yaml', 'url: ftp://a.example/{n}\nparms: { n: [1] }\n');
  await mkdir(project.path('results', 'test-20261123-0017-k3f9'), { recursive: true });
  await writeFile(project.path('a-file'), '');
  const run = async ([what, args]: (typeof COMMAND_LINES)[number]): Promise<void> => {
    ends.set(what, await project.run(args));
  };
  await Promise.all(COMMAND_LINES.map(run));
});

afterAll(async () => project.remove());

installLeakGuard();

const UNREACHABLE = { REDIS_URL: 'redis://user:geheim@127.0.0.1:1' };

describe('wrong input', () => {
  it.each(COMMAND_LINES)('is reported without a stack trace: %s', (what, _args, message) => {
    const ended = ends.get(what);
    expect(ended?.stderr).toMatch(message);
    expect(ended?.stderr).not.toMatch(/^\s+at .+:\d+/mu);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
  });

  it.each(SECRETS)('is reported before anything is enqueued: %s', async (_what, args, message) => {
    const ended = await project.call(args, { TOKEN_A: 'a', TOKEN_B: 'b', AWS_SESSION_TOKEN: 'c' });
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
    expect(ended.stderr).toContain('nothing was enqueued');
    expect(existsSync(project.path('.fetchfleet'))).toBe(false);
  });

  it('is reported all at once: flags, crawl file and secrets', async () => {
    const ended = await project.run([
      'run',
      'good.yaml',
      '--workers',
      '0',
      '--concurrency',
      'many',
      '--transport',
      'gto',
    ]);
    for (const part of ['--workers', '--concurrency', '--transport', 'TOKEN_A', 'TOKEN_B']) {
      expect(ended.stderr).toContain(part);
    }
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(existsSync(project.path('.fetchfleet'))).toBe(false);
  });

  it('is reported with file, line and key of every problem of a crawl file', async () => {
    const ended = await project.run(['run', 'bad.yaml']);
    expect(ended.stderr).toMatch(/bad\.yaml:1/u);
    expect(ended.stderr).toMatch(/bad\.yaml:2.*parms.*did you mean.*params/u);
    expect(ended.code).toBe(2);
  });

  it('includes the name of a fleet that workers would refuse', async () => {
    const ended = await project.call(['status'], { FETCHFLEET_FLEET: 'Prod' });
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain('FETCHFLEET_FLEET: must be 1 to 40 of a-z, 0-9 and -');
  });
});

describe('what cannot be reached', () => {
  it('is reported before anything is enqueued: a read-only results folder', async () => {
    const secrets = { TOKEN_A: 'a', TOKEN_B: 'b' };
    const ended = await project.run(['run', 'good.yaml', '--results', 'a-file/results'], secrets);
    expect(ended.stderr).toMatch(/cannot write results to .*a-file/u);
    expect(ended.code).toBe(3);
    expect(existsSync(project.path('.fetchfleet'))).toBe(false);
  });

  it('is reported with what to install: a missing redis-server', async () => {
    const secrets = { TOKEN_A: 'a', TOKEN_B: 'b', PATH: project.folder.path };
    const ended = await project.run(['run', 'good.yaml'], secrets);
    expect(ended.stderr).toMatch(/redis-server is not installed: .*apt-get install/u);
    expect(ended.code).toBe(3);
  });

  it('is reported after ten seconds and without the password: Redis', async () => {
    const [status, start, wrong] = await Promise.all([
      project.call(['status'], UNREACHABLE),
      project.call(['start', 'good.yaml'], UNREACHABLE),
      project.call(['status'], { REDIS_URL: 'http://127.0.0.1' }),
    ]);
    for (const ended of [status, start]) {
      expect(ended).toMatchObject({ code: 3, stdout: '' });
      expect(ended.stderr).toContain('127.0.0.1:1');
      expect(ended.stderr).toContain('tried for 10 s');
      expect(ended.stderr).not.toContain('geheim');
    }
    expect(wrong.code).toBe(2);
  });
});

describe('a current folder that was deleted', () => {
  it.each([
    ['producer', 'status', 2],
    ['producer', 'init', 2],
    ['producer', '--version', 0],
    ['worker', '', 2],
    ['web', '', 2],
  ])('is told in one sentence: %s %s', async (app, argument, code) => {
    const main = `${repositoryRoot}/apps/${app}/dist/main.js`;
    const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"';
    const command = ['-c', script, 'sh', process.execPath, main, argument].filter(Boolean);
    const ended = await startProcess('bash', command, {
      cwd: project.folder.path,
      env: { ...project.env, REDIS_URL: 'redis://127.0.0.1:1' },
    });
    expect(await ended.exit).toMatchObject({ code });
    const told = /^\S+ the current folder does not exist any more: change to another one\n$/u;
    expect(ended.stderr).toMatch(code === 0 ? /^$/u : told);
  });
});

describe('--help and --version', () => {
  it('print to stdout and exit with 0', async () => {
    const help = await project.run(['--help']);
    for (const command of ['run', 'start', 'status', 'cancel', 'resume', 'export']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'mu'));
    }
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(await project.run(['--version'])).toMatchObject({ code: 0 });
  });
});
