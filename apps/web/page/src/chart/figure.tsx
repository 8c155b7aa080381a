import type { ComponentChildren } from 'preact';

interface FigureProps {
  readonly value: string;
  readonly unit: string;
  readonly children: ComponentChildren;
}

/** One number that matters, with its last hour. */
export function Figure({ value, unit, children }: FigureProps) {
  return (
    <div class="figure">
      <p>
        <strong>{value}</strong> {unit}
      </p>
      <p class="below">{children}</p>
    </div>
  );
}
