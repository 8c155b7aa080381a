import { originDocument } from '@fetchfleet/fleet';
import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode, Problems } from '../../core/errors.ts';
import { type FleetSession, withFleet } from '../../session/fleet-session.ts';
import { describeLimits } from './describe-limits.ts';
import { type OriginFlags, readOrigin, readOriginSettings } from './settings.ts';
import { suggestion } from './suggestion.ts';
import { withTimeout } from '../../core/timeouts.ts';

/** `fetchfleet origins set ORIGIN`: sets limits that override those of every crawl file. */
export async function setOrigin(
  text: string,
  options: OriginFlags & { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const { origin, settings } = await readOriginSettings(text, options);
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    const before = await withTimeout(session.origins.list());
    await withTimeout(session.origins.set(origin, settings));
    if (options.forget === true) {
      await withTimeout(session.origins.forget(origin));
      terminal.note(`Forgot what the fleet had learned of ${origin}`);
    }
    const status = await withTimeout(session.origins.status(origin));
    if (Object.keys(settings).length > 0) {
      terminal.note(`Set for ${origin}: ${status === undefined ? '' : describeLimits(status)}`);
    }
    if (before.every((known) => known.origin !== origin)) {
      const hint = suggestion(origin, before);
      terminal.note(
        `No worker has fetched from it lately; the limits hold from its first fetch on${hint}`,
      );
    }
    if (options.json === true) {
      terminal.printJson(status && originDocument(status));
    }
    return EXIT.ok;
  });
}

/** `fetchfleet origins unset ORIGIN`: removes the limits that were set, if any. */
export async function unsetOrigin(
  text: string,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const problems = new Problems();
  const origin = readOrigin(text, problems) ?? text;
  problems.throwIfAny('nothing was unset');
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    const isChanged = await withTimeout(session.origins.unset(origin));
    if (isChanged) {
      terminal.note(`Unset for ${origin}: the crawl files decide again`);
    } else {
      terminal.warn(`nothing was set for ${origin}${await hintAt(origin, session)}`);
    }
    if (options.json === true) {
      terminal.printJson({ origin, changed: isChanged });
    }
    return EXIT.ok;
  });
}

async function hintAt(origin: string, session: FleetSession): Promise<string> {
  return suggestion(origin, await withTimeout(session.origins.list()));
}
