import { setFlagsFromString } from 'node:v8';

/**
 * For work that makes much garbage for as long as it lasts. V8 would let the garbage grow with the
 * work, to more than what lives; collecting it earlier takes no more time, and memory stays nearly
 * the same for a million rows and for ten.
 */
export function collectEarly(): void {
  setFlagsFromString('--heap-growing-percent=20');
}
