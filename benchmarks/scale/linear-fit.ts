/** A straight line through measured points. */
export interface LinearFit {
  readonly slope: number;
  readonly intercept: number;
  /** The largest distance of a point from the line, as a share of the largest value. */
  readonly residual: number;
}

/** Fits by least squares. @param points at least two different x */
export function linearFit(points: readonly (readonly [x: number, y: number])[]): LinearFit {
  const mean = (at: 0 | 1): number =>
    points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const across = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const along = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (along === 0) {
    throw new RangeError('a line needs points at two different places');
  }
  const slope = across / along;
  const intercept = meanY - slope * meanX;
  const largest = Math.max(...points.map(([, y]) => Math.abs(y)));
  const farthest = Math.max(...points.map(([x, y]) => Math.abs(y - intercept - slope * x)));
  return { slope, intercept, residual: largest === 0 ? 0 : farthest / largest };
}
