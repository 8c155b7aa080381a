import { once } from 'node:events';
import type { Context } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { settingText } from '../core/options.ts';
import { openBrowser } from '../local/open-browser.ts';
import { WebProcess } from '../local/web-process.ts';
import { FleetSession } from '../session/fleet-session.ts';

export interface WebOptions {
  readonly json?: boolean;
  readonly port?: string;
  readonly host?: string;
  readonly results?: string;
  readonly readOnly?: boolean;
  readonly open?: boolean;
}

/** `fetchfleet web`: serves the page of the fleet until it is interrupted. */
export async function web(options: WebOptions, context: Context): Promise<ExitCode> {
  const { terminal, env } = context;
  // It says what is wrong with Redis before a page shows it, and keeps a private Redis up.
  const session = await FleetSession.open(context, 'find');
  const { drain: signal } = context.interrupts.takeOver();
  const process = new WebProcess({
    flags: flagsOf(options),
    env: {
      ...env,
      REDIS_URL: session.url,
      FETCHFLEET_WEB_PRIVATE_REDIS: String(session.isPrivate),
      // Not as an option, which other users of the machine would see: it may hold a password.
      FETCHFLEET_RESULTS: settingText('results', options.results, env),
    },
    terminal,
  });
  try {
    const address = await process.ready();
    if (options.json === true) {
      terminal.printJson({ address });
    } else {
      terminal.print(address);
      terminal.note('Ctrl-C ends the page, and nothing else');
    }
    if (options.open === true && !(await openBrowser(address, env))) {
      terminal.warn('there is no browser to open here');
    }
    if (!signal.aborted) {
      await Promise.race([once(signal, 'abort'), process.lost]);
    }
    return EXIT.interrupted;
  } finally {
    await process.stop();
    await session.close();
  }
}

function flagsOf({ port, host, readOnly }: WebOptions): string[] {
  return [
    ...(port === undefined ? [] : [`--port=${port}`]),
    ...(host === undefined ? [] : [`--host=${host}`]),
    ...(readOnly === true ? ['--read-only'] : []),
  ];
}
