const POSITION = /^(?:error: )?\S*?:(\d+):(\d+):? /;

/** The lines that problems are about. */
export function problemsAt(problems: readonly string[]): ReadonlySet<number> {
  return new Set(
    problems.flatMap((problem) => {
      const [, line] = POSITION.exec(problem) ?? [];
      return line === undefined ? [] : [Number(line)];
    }),
  );
}

interface ProblemsProps {
  readonly problems: readonly string[];
  readonly onChoose: (line: number, column: number) => void;
}

/** What is wrong with a crawl file; each leads to its line. */
export function Problems({ problems, onChoose }: ProblemsProps) {
  return (
    <div role="alert">
      <ul class="problems">
        {problems.map((problem) => {
          const [start, line, column] = POSITION.exec(problem) ?? [];
          if (start === undefined) {
            return (
              <li key={problem} class="problem">
                {problem.replace(/^error: /, '')}
              </li>
            );
          }
          return (
            <li key={problem} class="problem">
              <button type="button" onClick={() => onChoose(Number(line), Number(column))}>
                line {line}
              </button>{' '}
              {problem.slice(start.length)}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
