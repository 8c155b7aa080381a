import type { Line, Style } from '../../core/terminal.ts';
import { formatCount } from '../../report/units.ts';
import type { Finding, Verdict } from './finding.ts';

/** Findings about one thing. */
export interface Section {
  /** For programs: `redis`, `results`, … */
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly findings: readonly Finding[];
}

const STYLES: Readonly<Record<Verdict, Style>> = { ok: 'green', warning: 'yellow', problem: 'red' };
/** Of the words for verdicts, and of the longest name of a check. */
const VERDICT_WIDTH = 7;
const CHECK_WIDTH = 12;
const INDENT = 2 + VERDICT_WIDTH + 2 + CHECK_WIDTH + 2;
/** Longer lines are hard to read. */
const MAX_WIDTH = 80;
const MIN_TEXT_WIDTH = 20;

/** @param width in columns of the screen; Infinity where lines must not be broken */
export function sectionLines({ title, findings }: Section, width: number): readonly Line[] {
  const textWidth =
    width === Infinity ? Infinity : Math.max(MIN_TEXT_WIDTH, Math.min(width, MAX_WIDTH) - INDENT);
  return [
    [['bold', title]],
    ...findings.flatMap(({ check, verdict, text }): Line[] => {
      const [first = '', ...rest] = wrapped(text, textWidth);
      return [
        [
          '  ',
          [STYLES[verdict], verdict.padEnd(VERDICT_WIDTH)],
          `  ${check.padEnd(CHECK_WIDTH)}  ${first}`,
        ],
        ...rest.map((line) => `${' '.repeat(INDENT)}${line}`),
      ];
    }),
  ];
}

/** `1 problem and 2 warnings`; `everything is ok` */
export function summaryOf(findings: readonly Finding[]): string {
  const count = (verdict: Verdict): number =>
    findings.filter((one) => one.verdict === verdict).length;
  const parts = [counted(count('problem'), 'problem'), counted(count('warning'), 'warning')];
  return parts.filter((part) => part !== '').join(' and ') || 'everything is ok';
}

function counted(count: number, noun: string): string {
  return count === 0 ? '' : `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** The words in lines of at most `width` columns. A longer word has a line of its own. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
