const FONT_SIZE = 14;
/** Width of a character and height of a line, in pixels, of the usual monospace fonts. */
const CELL = { width: 8.43, height: 19 };
const PADDING = 16;
const BACKGROUND = '#11151c';
const FOREGROUND = '#d5dae3';
/** Foreground colours by their ANSI number. */
const COLOURS: Readonly<Record<number, string>> = {
  30: '#5c6370',
  31: '#e06c75',
  32: '#8cc265',
  33: '#d9a95f',
  34: '#61afef',
  35: '#c678dd',
  36: '#4cc2cf',
  37: FOREGROUND,
};
const DIM_OPACITY = 0.6;
const PLAIN: Style = { colour: FOREGROUND, isBold: false, isDim: false };

interface Style {
  readonly colour: string;
  readonly isBold: boolean;
  readonly isDim: boolean;
}

/** Text of one style, and how many columns it takes. */
interface Run extends Style {
  readonly text: string;
  readonly length: number;
}

interface Place {
  readonly column: number;
  /** In pixels. */
  readonly y: number;
}

/** Renders a captured frame of a terminal to SVG: text, colours and nothing else. */
export function frameToSvg(frame: string, label: string): string {
  const lines = linesOf(frame);
  const columns = Math.max(...lines.map((runs) => runs.reduce((sum, run) => sum + run.length, 0)));
  const width = Math.ceil(columns * CELL.width + 2 * PADDING);
  const height = Math.ceil(lines.length * CELL.height + 2 * PADDING);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"` +
      ` viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">`,
    `<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>`,
    `<g font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"` +
      ` font-size="${FONT_SIZE}">`,
    ...lines.flatMap((runs, at) => textsOf(runs, PADDING + (at + 0.75) * CELL.height)),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Runs of one style each. A style lasts over the ends of lines. */
function linesOf(frame: string): Run[][] {
  let style = PLAIN;
  const lines = frame
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        // oxlint-disable-next-line no-control-regex -- escape sequences are what is looked for
        .split(/(\u001B\[[\d;]*m)/u)
        .flatMap((part): Run[] => {
          // oxlint-disable-next-line no-control-regex -- escape sequences are what is looked for
          const codes = /^\u001B\[([\d;]*)m$/u.exec(part)?.[1];
          if (codes === undefined) {
            return part === '' ? [] : [{ ...style, text: part, length: columnsOf(part) }];
          }
          style = codes.split(';').map(Number).reduce(styled, style);
          return [];
        }),
    );
  return lines.filter((runs, at) => runs.length > 0 || (lines[at - 1] ?? []).length > 0);
}

function styled(style: Style, code: number): Style {
  if (code === 0) {
    return PLAIN;
  }
  if (code === 1) {
    return { ...style, isBold: true };
  }
  if (code === 2) {
    return { ...style, isDim: true };
  }
  if (code === 22) {
    return { ...style, isBold: false, isDim: false };
  }
  return { ...style, colour: COLOURS[code] ?? (code === 39 ? FOREGROUND : style.colour) };
}

/** A text for each run of words: browsers show several spaces within a text as one. */
function textsOf(runs: readonly Run[], y: number): string[] {
  let column = 0;
  return runs.flatMap(({ text, length, ...style }) => {
    const start = column;
    column += length;
    return Array.from(text.matchAll(/\S+(?: \S+)*/gu), ({ 0: words, index }) =>
      textOf(words, { ...style, y, column: start + columnsOf(text.slice(0, index)) }),
    );
  });
}

function textOf(words: string, { column, y, colour, isBold, isDim }: Style & Place): string {
  const x = (PADDING + column * CELL.width).toFixed(1);
  // The exact width: a font whose characters are wider or narrower keeps the columns.
  const width = (columnsOf(words) * CELL.width).toFixed(1);
  const bold = isBold ? ' font-weight="bold"' : '';
  const dim = isDim ? ` opacity="${DIM_OPACITY}"` : '';
  return (
    `<text x="${x}" y="${y.toFixed(1)}" textLength="${width}" lengthAdjust="spacingAndGlyphs"` +
    ` fill="${colour}"${bold}${dim}>${escaped(words)}</text>`
  );
}

function columnsOf(text: string): number {
  return Array.from(text).length;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
