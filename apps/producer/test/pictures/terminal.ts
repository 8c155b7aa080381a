import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { eventually } from '@fetchfleet/testing';

const call = promisify(execFile);

export interface FrameOptions {
  /** Shown behind a prompt, and run by a shell. */
  readonly command: string;
  readonly columns: number;
  readonly rows: number;
  /** What the frame has to show. */
  readonly until: RegExp;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** What a terminal shows of a command, with its colours: tmux is the terminal. */
export async function frameOf(options: FrameOptions): Promise<string> {
  const { command, columns, rows, until, cwd, env } = options;
  // A server of its own, without the settings of whoever runs this.
  const server = ['-L', `pictures-${randomBytes(4).toString('hex')}`, '-f', '/dev/null'];
  const size = ['-x', String(columns), '-y', String(rows)];
  // The shell waits for a line afterwards, so that the frame stays.
  const script = `printf '$ %s\\n' '${command}'; ${command}; read -r line`;
  await call('tmux', [...server, 'new-session', '-d', ...size, script], { cwd, env });
  try {
    return await eventually(async () => {
      const { stdout } = await call('tmux', [...server, 'capture-pane', '-e', '-p']);
      // oxlint-disable-next-line no-control-regex -- escape sequences are what is taken out
      const text = stdout.replaceAll(/\u001B\[[\d;]*m/gu, '');
      if (!until.test(text)) {
        throw new Error(`the terminal does not show ${String(until)}:\n${text}`);
      }
      return stdout;
    });
  } finally {
    await call('tmux', [...server, 'kill-server']);
  }
}
