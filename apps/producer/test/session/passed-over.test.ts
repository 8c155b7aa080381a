import { expect, it } from '@jest/globals';
import { PassedOver } from '../../src/session/passed-over.ts';

function reported(passedOver: PassedOver): string[] {
  const sentences: string[] = [];
  passedOver.report({ warn: (sentence) => sentences.push(sentence) });
  return sentences;
}

it('what was passed over is named once, and not without end', () => {
  const passedOver = new PassedOver();
  for (let at = 0; at < 20; at += 1) {
    passedOver.add(`batch b-${at}`);
    passedOver.add('batch b-0');
  }
  expect(reported(passedOver)).toHaveLength(20);
  expect(reported(passedOver)).toEqual([]);
  for (let at = 0; at < 1_000; at += 1) {
    passedOver.add(`batch b-${at}`);
  }
  const sentences = reported(passedOver);
  expect(sentences).toHaveLength(21);
  expect(sentences.at(-1)).toBe('there is more in Redis that was passed over');
});
