import type { OriginStatus } from '@fetchfleet/fleet';
import { nearest } from '../../batch/find-batch.ts';

/** `; did you mean https://api.example?`; empty where the origin is known, or none is near. */
export function suggestion(origin: string, known: readonly OriginStatus[]): string {
  const names = known.map((one) => one.origin);
  const near = names.includes(origin) ? [] : nearest(origin, names);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
}
