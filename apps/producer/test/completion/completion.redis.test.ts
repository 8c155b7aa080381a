import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chmod, mkdir } from 'node:fs/promises';
import { connectRedis, fleetKeys, Ledger, Origins } from '@fetchfleet/fleet';
import { binaryPath, eventually, redisUrl, startProcess } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { type Ended, crawlFile, Project } from '../cli-fixture.ts';

const PATIENCE = { deadlineMs: 25_000 };
const ORIGIN = 'https://api.example:8443';

let project: Project;
let redis: Redis;
let running: string;
let cancelled: string;

/** Nothing here changes what is there, so all tests share it: commands are slow to start. */
beforeAll(async () => {
  project = await Project.create(redisUrl());
  redis = await connectRedis(redisUrl());
  await mkdir(project.path('bin'));
  const call = `exec "${process.execPath}" "${binaryPath('fetchfleet')}" "$@"`;
  await project.write('bin/fetchfleet', `#!/bin/sh\n${call}\n`);
  await chmod(project.path('bin/fetchfleet'), 0o755);
  await Promise.all(
    ['bash', 'zsh', 'fish'].map(async (name) => {
      const { stdout } = await project.run(['completion', name]);
      await project.write(`completion.${name}`, stdout);
    }),
  );
  await project.write('crawl.yaml', crawlFile('https://a.example', 10));
  await project.write('two words.yml', '');
  await project.write('notes.txt', '');
  await mkdir(project.path('lists'));
  const keys = fleetKeys(project.env['FETCHFLEET_FLEET']);
  [running, cancelled] = await Promise.all([startBatch(), startBatch()]);
  await new Ledger(redis, keys).cancel(cancelled);
  await new Origins(redis, keys).set(ORIGIN, { burst: 2 });
}, 60_000);

afterAll(async () => {
  const keys = await redis.keys(`*${project.env['FETCHFLEET_FLEET'] ?? ''}*`);
  if (keys.length > 0) await redis.del(...keys);
  redis.disconnect();
  await project.remove();
}, 30_000);

/** Runs a program of the machine with our own first in its PATH. */
async function shell(command: string, args: readonly string[], env = {}): Promise<Ended> {
  const child = await startProcess(command, args, {
    cwd: project.folder.path,
    env: {
      ...project.env,
      PATH: `${project.path('bin')}:${process.env['PATH'] ?? ''}`,
      HOME: project.folder.path,
      TERM: 'xterm',
      ...env,
    },
  });
  const { code } = await child.exit;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

/** Each offers what it would show at the Tab key, at the end of a line, one a line. */
const OFFERS: Readonly<Record<string, (line: string) => Promise<string[]>>> = {
  bash: async (line) => offeredByBash(line),
  zsh: async (line) => offeredByZsh(line),
  fish: async (line) => {
    const script = 'source completion.fish; complete -C "$LINE"';
    const { stdout } = await shell('fish', ['--no-config', '-c', script], { LINE: line });
    return lines(stdout).map((one) => one.split('\t')[0] ?? '');
  },
};

function lines(text: string): string[] {
  return text.split('\n').filter((one) => one !== '');
}

/** Splits the line as readline does, and calls the function that was registered. */
async function offeredByBash(line: string): Promise<string[]> {
  const script = `
    source completion.bash
    COMP_LINE=$LINE COMP_POINT=\${#LINE} COMP_WORDS=()
    while IFS= read -r word; do COMP_WORDS+=("$word"); done <<< "$WORDS"
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    [[ $(complete -p fetchfleet) == *"-F _fetchfleet fetchfleet" ]] || exit 9
    _fetchfleet
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const words = line
    .split(' ')
    .flatMap((word) => (word === '' ? [''] : (word.match(/[:=]+|[^:=]+/gu) ?? [])));
  const env = { LINE: line, WORDS: words.join('\n') };
  const { stdout, stderr, code } = await shell('bash', ['--norc', '-c', script], env);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return lines(stdout);
}

/** A shell of its own, on a terminal of its own, where Tab lists what it has: zsh completes nowhere else. */
async function offeredByZsh(line: string): Promise<string[]> {
  const script = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'PS1= ; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u; source completion.zsh'
    zpty -w shell 'compadd() { local -a given; builtin compadd -O given "$@"; print -rl -- ">"$^given"<"; builtin compadd "$@" }'
    zpty -w shell 'bindkey "^X" complete-word; finish() { zle kill-whole-line; print "e""nd" }; zle -N finish; bindkey "^Y" finish; print re""ady'
    zpty -r -m shell seen '*ready*'
    zpty -n -w shell "$LINE"$'\\t'
    zpty -n -w shell $'\\C-y'
    zpty -r -m shell seen '*end*'
    print -r -- "$seen"
    zpty -d shell`;
  const { stdout } = await shell('zsh', ['-f', '-c', script], { LINE: line });
  // It asks again in other ways where that might find more.
  return [...new Set([...stdout.matchAll(/>([^<>\r\n]+)</gu)].map(([, value]) => value ?? ''))];
}

async function startBatch(): Promise<string> {
  return (await project.run(['start', 'crawl.yaml', '--new'])).stdout.trim();
}

describe.each(['bash', 'zsh', 'fish'])('completion in %s', (name) => {
  const offered = async (line: string): Promise<string[]> => (await OFFERS[name]?.(line)) ?? [];

  it('is a script that the shell can read', async () => {
    expect(await shell(name, ['-n', `completion.${name}`])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('knows commands, also those within others, and their options', async () => {
    expect(await offered('fetchfleet exp')).toContain('export');
    expect(await offered('fetchfleet ')).not.toContain('__complete');
    expect(await offered('fetchfleet origins ')).toEqual(expect.arrayContaining(['set', 'unset']));
    expect(await offered('fetchfleet origins set x --c')).toEqual(['--concurrency']);
  });

  it('knows the values of options', async () => {
    expect((await offered('fetchfleet export x --format ')).toSorted()).toEqual(['csv', 'ndjson']);
    expect(await offered('fetchfleet run crawl.yaml --transport u')).toEqual(['undici']);
  });

  it('offers crawl files and folders, and nothing else, where a crawl file is wanted', async () => {
    const files = await offered('fetchfleet run ');
    const plain = files.map((one) => one.replaceAll('\\', '').replace(/\/$/u, ''));
    expect(plain).toEqual(expect.arrayContaining(['crawl.yaml', 'two words.yml', 'lists']));
    expect(plain).not.toContain('notes.txt');
  });

  it('offers the batches with which a command can do something', async () => {
    // On a busy machine an answer may be too late for whoever pressed the key.
    await eventually(
      async () =>
        expect(await offered('fetchfleet status --watch ')).toEqual(
          expect.arrayContaining([running, cancelled]),
        ),
      PATIENCE,
    );
    await eventually(
      async () => expect(await offered('fetchfleet cancel ')).toEqual([running]),
      PATIENCE,
    );
  });

  it('runs nothing that was typed', async () => {
    await offered('fetchfleet status $(touch${IFS}notes.ran) ');
    expect((await shell('ls', [])).stdout).not.toContain('notes.ran');
  }, 30_000);
});

describe('completion', () => {
  it('puts origins together again that bash has taken apart at their colons', async () => {
    const expected = [
      ['fetchfleet origins set https:', '//api.example:8443'],
      ['fetchfleet origins set https://api.example:8', '8443'],
    ] as const;
    for (const [line, offer] of expected) {
      await eventually(async () => expect(await offeredByBash(line)).toEqual([offer]), PATIENCE);
    }
  });

  it('offers no batches, in silence, where Redis does not answer', async () => {
    const env = { REDIS_URL: 'redis://127.0.0.1:1' };
    const { stdout, stderr, code } = await project.run(['__complete', '--', 'status', ''], env);
    expect({ stdout, stderr, code }).toEqual({ stdout: 'values\n', stderr: '', code: 0 });
  });

  it('refuses a shell that it does not know, and says which it does', async () => {
    const { stderr, code } = await project.run(['completion', 'tcsh']);
    expect(stderr).toContain('bash, zsh, fish');
    expect(code).toBe(2);
  });

  it('offers the batches of the results folder for an export', async () => {
    await mkdir(project.path('results', 'old-20260101-0600-abcd'), { recursive: true });
    const { stdout } = await project.run(['__complete', '--', 'export', '']);
    expect(stdout).toBe('values\nold-20260101-0600-abcd\t\n');
  });
});
