import { tryOrigin } from '@fetchfleet/fleet';
import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode, Problems } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { Terminal } from '../../core/terminal.ts';
import { type FleetSession, withFleet } from '../../session/fleet-session.ts';
import { readOrigin } from './settings.ts';
import { suggestion } from './suggestion.ts';

const ENDED = {
  block: 'its block',
  breaker: 'its wait for the next try',
  'robots.txt': 'the wait for its robots.txt',
} as const;

/** `fetchfleet origins try ORIGIN`: ends what keeps an origin shut; one fetch tries it then. */
export async function tryOriginNow(
  text: string,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const problems = new Problems();
  const origin = readOrigin(text, problems) ?? text;
  problems.throwIfAny('nothing was tried');
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    const { ended, woken } = await withTimeout(tryOrigin(session, origin));
    if (ended.length > 0) {
      const what = ended.map((one) => ENDED[one]).join(' and ');
      terminal.note(
        `${origin}: ended ${what}; one fetch tries it, and the others follow when it is answered`,
      );
    } else if (woken > 0) {
      terminal.note(
        `nothing keeps ${origin} shut; slices that still waited for it go on now: ${woken}`,
      );
    } else {
      await sayWhyNot(session, origin, terminal);
    }
    if (options.json === true) {
      terminal.printJson({ origin, ended, woken });
    }
    return EXIT.ok;
  });
}

async function sayWhyNot(
  { origins }: FleetSession,
  origin: string,
  terminal: Terminal,
): Promise<void> {
  const known = await withTimeout(origins.list());
  const status = known.find((one) => one.origin === origin);
  if (status?.breaker === 'half-open') {
    terminal.note(`${origin} is tried already: the next fetch that asks, or one that is under way`);
  } else {
    terminal.warn(`${origin} is neither blocked nor down${suggestion(origin, known)}`);
  }
}
