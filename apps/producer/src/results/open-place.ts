import { openStore, type ResultsStore } from '@fetchfleet/results';
import type { Place } from '@fetchfleet/results/place';
import type { Context } from '../core/context.ts';

/** A place that was named, and what reads and writes there. */
export interface OpenPlace {
  readonly place: Place;
  readonly store: ResultsStore;
}

type Surroundings = Pick<Context, 'env' | 'cwd'>;

/** It connects to nothing yet. */
export async function openPlace(place: Place, { env, cwd }: Surroundings): Promise<OpenPlace> {
  return { place, store: await openStore(place.url, { env, cwd }) };
}

export async function openPlaces(
  places: readonly Place[],
  context: Surroundings,
): Promise<readonly OpenPlace[]> {
  return Promise.all(places.map(async (place) => openPlace(place, context)));
}

/** The places for people, without passwords: `results and s3://bucket/crawls` */
export function namesOf(places: readonly OpenPlace[]): string {
  return places.map(({ store }) => store.location).join(' and ');
}

/** @throws SinkError if workers could not write there */
export async function probe(place: Place, context: Surroundings): Promise<void> {
  const { store } = await openPlace(place, context);
  await store.probe();
}
