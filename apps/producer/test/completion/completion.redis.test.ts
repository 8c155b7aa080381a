import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { connectRedis, type FleetKeys, fleetKeys, Ledger, Origins } from '@fetchfleet/fleet';
import { binaryPath, eventually, redisUrl, startProcess } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { type Ended, crawlFile, Project } from '../cli-fixture.ts';

const ORIGIN = 'https://api.example:8443';
/** What a shell runs, splits or shows in its own way. */
const HOSTILE = String.raw`a b$(touch ran)${'`'}touch ran${'`'};touch ran&'"\\*?~#!{x,y}`;
/** How each shell is started on a terminal, so that it reads nothing of this machine. */
const INTERACTIVE: Readonly<Record<string, string>> = {
  bash: 'bash --norc --noprofile -i',
  zsh: 'zsh -f -i',
  fish: 'fish --no-config -i',
};

let project: Project;
let redis: Redis;
let running: string;
let cancelled: string;

/** No test changes anything, so all of them share one project. */
beforeAll(async () => {
  project = await Project.create(redisUrl());
  redis = await connectRedis(redisUrl());
  await mkdir(project.path('bin'));
  const call = `exec "${process.execPath}" "${binaryPath('fetchfleet')}" "$@"`;
  await project.write('bin/fetchfleet', `#!/bin/sh\n${call}\n`);
  await chmod(project.path('bin/fetchfleet'), 0o755);
  await Promise.all(
    ['bash', 'zsh', 'fish'].map(async (name) => {
      const { stdout } = await project.call(['completion', name]);
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
  await forge(keys);
});

/** Adds ids and origins that nobody of us has made. */
async function forge(keys: FleetKeys): Promise<void> {
  const ids = [HOSTILE, '$(touch ran)', '\u001b[2J', 'two\nlines', 'x'.repeat(200)];
  const fields = await redis.hgetall(keys.batch(running));
  for (const id of ids) {
    await redis.hset(keys.batch(id), fields);
    await redis.zadd(keys.home.batches, '1', id);
    await redis.sadd(keys.home.schedules, id);
  }
  for (const origin of [...ids, 'http://$(touch${IFS}ran)', "http://a'b.example"]) {
    await redis.sadd(keys.originsWithSettings, origin);
    await redis.hset(keys.gateSettings(origin), 'burst', 2);
  }
  await mkdir(project.path('results', '$(touch ran)'), { recursive: true });
}

afterAll(async () => {
  const keys = await redis.keys(`*${project.env['FETCHFLEET_FLEET'] ?? ''}*`);
  if (keys.length > 0) {
    await redis.del(...keys);
  }
  redis.disconnect();
  await project.remove();
});

/** Runs a program of the machine. Our own program is first in its PATH. */
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

/** What each shell offers when the Tab key is pressed at the end of a line. */
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

/** Splits the line in the way readline does, and calls the registered function. */
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

/** zsh completes only on a terminal: this starts one on a pseudo-terminal and presses Tab. */
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
  // zsh asks several times, to find more matches.
  return [...new Set([...stdout.matchAll(/>([^<>\r\n]+)</gu)].map(([, value]) => value ?? ''))];
}

/**
 * Types a line on a terminal, presses Tab and then Enter.
 *
 * @returns the arguments that another program of our name got. It offers {@link HOSTILE}.
 */
async function entered(name: string, line: string): Promise<string[]> {
  const answers = `[ "$1" = __complete ] && { printf 'values\\n%s\\tabout\\n' "$OFFER"; exit; }`;
  await mkdir(project.path('other'), { recursive: true });
  const notes = `printf '%s\\n' "$@" > ${name}.got; printf 'no%s\\n' ted`;
  await project.write('other/fetchfleet', `#!/bin/sh\n${answers}\n${notes}\n`);
  await chmod(project.path('other/fetchfleet'), 0o755);
  const setUp = name === 'zsh' ? 'autoload -Uz compinit; compinit -u; ' : '';
  const script = `
    zmodload zsh/zpty
    zpty shell ${INTERACTIVE[name]}
    zpty -w shell '${setUp}source completion.${name}; echo re""ady'
    zpty -r -m shell seen '*ready*'
    zpty -n -w shell "$LINE"$'\\t'
    zpty -n -w shell $'\\r'
    zpty -r -m shell seen '*noted*'
    zpty -d shell`;
  const env = {
    LINE: line,
    OFFER: HOSTILE,
    PATH: `${project.path('other')}:${process.env['PATH'] ?? ''}`,
  };
  await shell('zsh', ['-f', '-c', script], env);
  const got = await readFile(project.path(`${name}.got`), 'utf8');
  return got.trimEnd().split('\n');
}

async function startBatch(): Promise<string> {
  return (await project.call(['start', 'crawl.yaml', '--new'])).stdout.trim();
}

describe.each(['bash', 'zsh', 'fish'])('completion in %s', (name) => {
  const offered = async (line: string): Promise<string[]> => (await OFFERS[name]?.(line)) ?? [];

  it('is a valid script of the shell', async () => {
    expect(await shell(name, ['-n', `completion.${name}`])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('offers commands, subcommands and options', async () => {
    expect(await offered('fetchfleet exp')).toContain('export');
    expect(await offered('fetchfleet ')).not.toContain('__complete');
    expect(await offered('fetchfleet origins ')).toEqual(expect.arrayContaining(['set', 'unset']));
    expect(await offered('fetchfleet origins set x --c')).toEqual(['--concurrency']);
  });

  it('offers the values of options', async () => {
    const formats = await offered('fetchfleet export x --format ');
    expect(formats.toSorted()).toEqual(['csv', 'ndjson', 'parquet']);
    expect(await offered('fetchfleet run crawl.yaml --transport n')).toEqual(['native']);
  });

  it('offers only crawl files and folders for a crawl file', async () => {
    const files = await offered('fetchfleet run ');
    const plain = files.map((one) => one.replaceAll('\\', '').replace(/\/$/u, ''));
    expect(plain).toEqual(expect.arrayContaining(['crawl.yaml', 'two words.yml', 'lists']));
    expect(plain).not.toContain('notes.txt');
  });

  it('offers the batches that a command can work on', async () => {
    // On a busy machine, Redis may answer too late.
    await eventually(async () =>
      expect(await offered('fetchfleet status --watch ')).toEqual(
        expect.arrayContaining([running, cancelled]),
      ),
    );
    await eventually(async () => expect(await offered('fetchfleet cancel ')).toEqual([running]));
  });

  it('quotes what it inserts, whatever the program answers', async () => {
    const args = await entered(name, 'fetchfleet status ');
    expect(args).toEqual(['status', HOSTILE]);
    expect((await shell('ls', [])).stdout).not.toMatch(/^ran$/mu);
  });

  it('does not run what was typed', async () => {
    await offered('fetchfleet status $(touch${IFS}notes.ran) ');
    expect((await shell('ls', [])).stdout).not.toContain('notes.ran');
  });
});

describe('completion', () => {
  it('completes origins although bash splits them at their colons', async () => {
    const expected = [
      ['fetchfleet origins set https:', '//api.example:8443'],
      ['fetchfleet origins set https://api.example:8', '8443'],
    ] as const;
    for (const [line, offer] of expected) {
      await eventually(async () => expect(await offeredByBash(line)).toEqual([offer]));
    }
  });

  it('offers no batches and prints no error if Redis does not answer', async () => {
    const env = { REDIS_URL: 'redis://127.0.0.1:1' };
    const { stdout, stderr, code } = await project.call(['__complete', '--', 'status', ''], env);
    expect({ stdout, stderr, code }).toEqual({ stdout: 'values\n', stderr: '', code: 0 });
  });

  it('refuses an unknown shell, and names those it knows', async () => {
    const { stderr, code } = await project.call(['completion', 'tcsh']);
    expect(stderr).toContain('bash, zsh, fish');
    expect(code).toBe(2);
  });

  it.each([
    ['status', () => [cancelled, running]],
    ['prune x', () => [cancelled]],
    ['origins set', () => [ORIGIN]],
    ['origins try', () => []],
    ['schedule remove', () => []],
  ] as const)('offers for "%s" only what can be an id', async (command, expected) => {
    await eventually(async () => {
      const { stdout } = await project.call(['__complete', '--', ...command.split(' '), '']);
      const offered = lines(stdout).slice(1);
      const values = offered.map((one) => one.split('\t')[0] ?? '').toSorted();
      expect(values).toEqual([...expected()].toSorted());
    });
  });

  it('offers the batches of the results folder for export', async () => {
    await mkdir(project.path('results', 'old-20260101-0600-abcd'), { recursive: true });
    const { stdout } = await project.call(['__complete', '--', 'export', '']);
    expect(stdout).toBe('values\nold-20260101-0600-abcd\t\n');
  });
});
