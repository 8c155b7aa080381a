import type { Behaviour } from '../origin/origin-messages.ts';
import { CLASSES, NAMES } from '../origin/origins.ts';
import { hasOwnMounts } from '../fleet/namespace.ts';
import { chosen, type Dice, type Fault } from './fault.ts';

/** What happens to origins and to their names. */
export const ORIGIN_FAULTS: readonly Fault[] = [
  originFault('origin-down', 'an origin resets connections', () => ({ mode: 'down' })),
  originFault('origin-hang', 'an origin does not answer', () => ({ mode: 'hang' })),
  originFault('origin-500', 'an origin answers 500', () => ({ mode: 'fail' })),
  originFault('origin-429', 'an origin answers 429 and names no time', () => ({
    mode: 'refuse',
    status: 429,
  })),
  originFault('origin-429-after', 'an origin answers 429 with Retry-After', ([, die]) => ({
    mode: 'refuse',
    status: 429,
    retryAfterS: 4 + Math.floor(die * 6),
  })),
  originFault('origin-503-after', 'an origin answers 503 with Retry-After', ([, die]) => ({
    mode: 'refuse',
    status: 503,
    retryAfterS: 4 + Math.floor(die * 6),
  })),
  {
    name: 'dns-silent',
    title: 'the name server is silent about a name',
    group: 'origin',
    weight: 2,
    holdMs: [2_000, 15_000],
    impossible: () =>
      hasOwnMounts() ? undefined : 'needs mounts of its own: root, or user namespaces',
    inject: async ({ names, troubledHosts, trace }, [die]) => {
      const name = chosen([...NAMES.keys()], die);
      if (name === undefined) {
        return undefined;
      }
      trace.note(`dns-silent: ${name}`);
      troubledHosts.add(name);
      names.silence(name);
      return async () => names.speak(name);
    },
  },
];

function originFault(name: string, title: string, behaviour: (dice: Dice) => Behaviour): Fault {
  return {
    name,
    title,
    group: 'origin',
    weight: 2,
    holdMs: [1_000, 10_000],
    inject: async ({ origins, trace, troubledHosts }, dice) => {
      const host = chosen(
        CLASSES.flatMap(({ hosts }) => hosts),
        dice[0],
      );
      if (host === undefined) {
        return undefined;
      }
      trace.note(`${name} at ${host}`);
      troubledHosts.add(host);
      origins.behave(host, behaviour(dice));
      return async () => origins.behave(host, { mode: 'up' });
    },
  };
}
