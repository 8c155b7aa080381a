import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';
import { Project } from '../cli-fixture.ts';

interface Diagnostic {
  readonly message: string;
  readonly range: { readonly start: { readonly line: number } };
}

interface Completion {
  readonly items: readonly { readonly label: string }[];
}

let project: Project;
let server: ChildProcess;
let editor: MessageConnection;
/** By document. */
const diagnostics = new Map<string, (found: readonly Diagnostic[]) => void>();

beforeEach(async () => {
  project = await Project.create();
  const manifest = import.meta.resolve('yaml-language-server/package.json');
  const program = fileURLToPath(new URL('bin/yaml-language-server', manifest));
  server = spawn(process.execPath, [program, '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] });
  if (server.stdout === null || server.stdin === null) {
    throw new Error('the language server has no pipes');
  }
  editor = createMessageConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  editor.onRequest('workspace/configuration', () => [{ validate: true, completion: true }]);
  editor.onRequest('client/registerCapability', () => null);
  editor.onNotification('textDocument/publishDiagnostics', (found) => {
    diagnostics.get(found.uri)?.(found.diagnostics);
  });
  editor.listen();
  await editor.sendRequest('initialize', {
    processId: process.pid,
    rootUri: null,
    capabilities: { workspace: { configuration: true } },
  });
  await editor.sendNotification('initialized', {});
});

afterEach(async () => {
  editor.dispose();
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
  await project.remove();
});

/** Opens a file as an editor does. @returns what the editor underlines */
async function open(name: string): Promise<readonly Diagnostic[]> {
  const uri = pathToFileURL(project.path(name)).href;
  const text = await readFile(project.path(name), 'utf8');
  const underlined = new Promise<readonly Diagnostic[]>((resolve) => diagnostics.set(uri, resolve));
  await editor.sendNotification('textDocument/didOpen', {
    textDocument: { uri, languageId: 'yaml', version: 1, text },
  });
  return underlined;
}

async function completionsAt(name: string, line: number, character: number): Promise<string[]> {
  const { items }: Completion = await editor.sendRequest('textDocument/completion', {
    textDocument: { uri: pathToFileURL(project.path(name)).href },
    position: { line, character },
  });
  return items.map(({ label }) => label);
}

describe('an editor with a YAML language server', () => {
  it('finds nothing wrong in the file of init, tells mistakes, and completes keys', async () => {
    await project.call(['init']);
    expect(await open('crawl.yaml')).toEqual([]);

    // The first line of init's own file names the schema.
    const text = await readFile(project.path('crawl.yaml'), 'utf8');
    const wrong = text.replace('  # rate: 20/s', '  rate: 20/x\n  \n  # rate: 20/s');
    await project.write('wrong.yaml', `${wrong}retyr: 1\n`);
    const lines = wrong.split('\n');
    const rate = lines.indexOf('  rate: 20/x');
    const found = await open('wrong.yaml');
    expect(found.map(({ range }) => range.start.line)).toEqual(
      expect.arrayContaining([rate, lines.length - 1]),
    );
    expect(found.map(({ message }) => message).join('\n')).toMatch(/retyr is not allowed/u);
    expect(await completionsAt('wrong.yaml', rate + 1, 2)).toEqual(
      expect.arrayContaining(['burst', 'patience']),
    );
  });
});
