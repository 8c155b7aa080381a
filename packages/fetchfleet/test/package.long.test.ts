import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { closeAfterEach, redisUrl, repositoryRoot, startProcess } from '@fetchfleet/testing';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { InstalledPackage, pack, type Packed } from './installed-package.ts';
import { libraryExamples } from './library-examples.ts';

let packed: Packed;
let installed: InstalledPackage;

// Before the folder is removed.
afterAll(() => installed.unlock());
closeAfterEach();

beforeAll(async () => {
  packed = await pack();
  installed = await InstalledPackage.install(packed.path);
});

const MIB = 1024 * 1024;

describe('the package', () => {
  it('holds the programs, the page, the schema, examples and licences, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'bin/fetchfleet.js',
        'bin/fetchfleet-worker.js',
        'bin/fetchfleet-web.js',
        'bin/fetchfleet-sample-api.js',
        'dist/THIRD_PARTY_LICENSES.txt',
        'dist/sbom.cdx.json',
        'dist/page/THIRD_PARTY_LICENSES.txt',
        'dist/crawl.schema.json',
        'dist/page/index.html',
        'examples/countries.yaml',
      ]),
    );
    const known =
      /^(?:LICENSE|README\.md|package\.json|bin\/[\w-]+\.js|dist\/[\w.-]+\.js|dist\/THIRD_PARTY_LICENSES\.txt|dist\/(?:crawl\.schema|sbom\.cdx)\.json|dist\/page\/.+|dist\/types\/[\w/-]+\.d\.ts|examples\/[\w-]+\.(?:yaml|csv|txt))$/;
    expect(paths.filter((path) => !known.test(path))).toEqual([]);
  });

  it('is small, and needs no other package', () => {
    expect(packed.size).toBeLessThan(2.5 * MIB);
    expect(packed.unpackedSize).toBeLessThan(11 * MIB);
    const visible = readdirSync(join(installed.cwd, 'node_modules'));
    expect(visible.filter((name) => !name.startsWith('.'))).toEqual(['fetchfleet']);
  });

  it('has a bill of materials with every package whose licence it has', () => {
    const dist = join(installed.cwd, 'node_modules/fetchfleet/dist');
    const bom = JSON.parse(readFileSync(join(dist, 'sbom.cdx.json'), 'utf8')) as {
      readonly components: readonly { readonly 'bom-ref': string }[];
    };
    const listed = bom.components.map((one) => one['bom-ref'].replace(/@(?=[^@]+$)/u, ' '));
    const licensed = ['', 'page'].flatMap((folder) =>
      readFileSync(join(dist, folder, 'THIRD_PARTY_LICENSES.txt'), 'utf8')
        .split(`\n${'='.repeat(80)}\n\n`)
        .map((section) => section.slice(0, section.indexOf('\n'))),
    );
    expect(listed).toEqual(expect.arrayContaining(['bullmq', 'got', 'preact'].map(startingWith)));
    expect(new Set(listed)).toEqual(new Set(licensed));
  });

  it('has no complaints of publint, and types for every way to import it', async () => {
    const data = new Uint8Array(readFileSync(packed.path));
    const { messages } = await publint({ pack: { tarball: data.buffer } });
    expect(messages.map((message) => formatMessage(message, {}))).toEqual([]);
    const checked = await checkPackage(createPackageFromTarballData(data), {
      entrypoints: ['.'],
    });
    // It is a module: CommonJS gets it by `require`, which Node 22 can do.
    const known = new Set(['CJSResolvesToESM']);
    const problems = checked.types === false ? ['no types'] : checked.problems;
    expect(problems.filter((one) => typeof one === 'string' || !known.has(one.kind))).toEqual([]);
  });

  it('has types that name nothing from inside', () => {
    const types = packed.files.filter(({ path }) => path.endsWith('.d.ts'));
    expect(types.length).toBeGreaterThan(5);
    for (const { path } of types) {
      const text = readFileSync(join(installed.cwd, 'node_modules/fetchfleet', path), 'utf8');
      expect(text).not.toContain('@fetchfleet/');
    }
  });

  it('names no path of the machine that built it', () => {
    const folder = join(installed.cwd, 'node_modules/fetchfleet');
    for (const { path } of packed.files) {
      const isNamed = readFileSync(join(folder, path)).includes(repositoryRoot);
      expect(isNamed ? path : undefined).toBeUndefined();
    }
  });
});

describe('the library in an empty project', () => {
  it('compiles and runs every example of its page', async () => {
    const api = await installed.start('fetchfleet-sample-api', ['--port', '0']);
    const [, origin = ''] = await api.waitForLine(/sample API on (\S+)/);
    const examples = libraryExamples(origin);
    expect(examples.length).toBeGreaterThan(2);
    const files = examples.map((code, index) => {
      writeFileSync(join(installed.cwd, `example-${index}.mts`), code);
      return `example-${index}.mts`;
    });
    writeFileSync(join(installed.cwd, 'tsconfig.json'), TSCONFIG);
    const types = join(repositoryRoot, 'node_modules/@types');
    const tsc = join(repositoryRoot, 'node_modules/typescript/bin/tsc');
    const compiled = await startProcess('node', [tsc, '--typeRoots', types], {
      cwd: installed.cwd,
    });
    await compiled.exit;
    expect(compiled.stdout).toBe('');
    for (const file of files) {
      const run = await installed.run([file], { REDIS_URL: redisUrl() });
      await expect(run.exit).resolves.toMatchObject({ code: 0 });
      expect(run.stdout).toMatch(/\S/);
    }
  });

  it('does no work where it is imported', async () => {
    const code = `
      const state = () => [
        process.umask(), Date.now.toString(), ...['SIGTERM', 'exit'].map((e) => process.listenerCount(e)),
      ];
      const before = state();
      await import('fetchfleet');
      console.log(JSON.stringify([before, state()]));`;
    writeFileSync(join(installed.cwd, 'import.mjs'), code);
    const run = await installed.run(['import.mjs']);
    // It ends by itself: nothing is open.
    await expect(run.exit).resolves.toMatchObject({ code: 0 });
    const [before, after] = JSON.parse(run.stdout) as [unknown, unknown];
    expect(after).toEqual(before);
  });
});

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: false,
    types: ['node'],
  },
  include: ['*.mts'],
});

describe('installed for a user who cannot write there', () => {
  it('fetches what `init` writes, and keeps its cache in the folder of the user', async () => {
    const api = await installed.start('fetchfleet-sample-api', ['--port', '0']);
    const [, origin = ''] = await api.waitForLine(/sample API on (\S+)/);
    await succeed('fetchfleet', ['init']);
    const file = join(installed.cwd, 'crawl.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/http:\/\/127[^/]+/, origin));
    const summary = await succeed('fetchfleet', ['run', 'crawl.yaml', '--json']);
    const { batch } = JSON.parse(summary) as { readonly batch: string };
    const records = await succeed('fetchfleet', ['export', batch]);
    expect(records.trimEnd().split('\n')).toHaveLength(249);
    expect(existsSync(join(installed.home, '.cache/fetchfleet'))).toBe(true);
  });

  it('has the page', async () => {
    const web = await installed.start('fetchfleet', ['web', '--port', '0'], {
      REDIS_URL: redisUrl(),
    });
    const [, address = ''] = await web.waitForLine(/(http:\/\/127\.0\.0\.1:\d+\/)/);
    const page = await fetch(address);
    expect(page.status).toBe(200);
    await expect(page.text()).resolves.toContain('<script');
  });

  it('says in one line that there is no Redis', async () => {
    const path = join(installed.cwd, 'bin');
    // Another folder: the Redis of the first one outlives its last command for some seconds.
    const { home } = installed;
    const program = join(installed.cwd, 'node_modules/.bin/fetchfleet');
    const init = await installed.run([program, 'init'], {}, home);
    await expect(init.exit).resolves.toMatchObject({ code: 0 });
    const run = await installed.run([program, 'run', 'crawl.yaml'], { PATH: path }, home);
    await expect(run.exit).resolves.toMatchObject({ code: 3 });
    expect(run.stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^error: redis-server is not installed: install it/),
    ]);
  });

  it.each(['fetchfleet', 'fetchfleet-worker', 'fetchfleet-web', 'fetchfleet-sample-api'])(
    '%s tells a Node that is too old',
    async (program) => {
      const older = 'Object.defineProperty(process.versions, "node", { value: "20.19.0" })';
      const run = await installed.start(program, ['--help'], {
        NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(older)}"`,
      });
      await expect(run.exit).resolves.toMatchObject({ code: 2 });
      expect(run.stderr).toMatch(`error: ${program} needs Node 22.22 or later`);
    },
  );
});

function startingWith(name: string): unknown {
  return expect.stringMatching(new RegExp(`^${name} \\d`, 'u'));
}

async function succeed(program: string, args: readonly string[]): Promise<string> {
  const run = await installed.start(program, args);
  const { code } = await run.exit;
  expect(code === 0 ? '' : run.stderr).toBe('');
  return run.stdout;
}
