import * as echarts from 'echarts';
import { figure } from './format.ts';
import type { Spread } from './statistics.ts';

export interface Bar {
  readonly label: string;
  readonly value: Spread;
  /** Drawn in colour; the others are grey. */
  readonly isOurs: boolean;
}

interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A chart of a benchmark. `file` is its name without extension. */
export type Chart =
  | {
      readonly kind: 'bars';
      readonly file: string;
      readonly title: string;
      readonly unit: string;
      readonly bars: readonly Bar[];
    }
  | {
      readonly kind: 'lines';
      readonly file: string;
      readonly title: string;
      readonly xTitle: string;
      readonly yTitle: string;
      /** Both axes. */
      readonly isLog: boolean;
      readonly lines: readonly Line[];
    };

const WIDTH = 820;
const OURS = '#1f6feb';
const OTHERS = '#9aa4b2';
const TEXT = '#24292f';
const LINE_COLORS = ['#1f6feb', '#bf5b04', '#1a7f37', '#8250df', '#9aa4b2'];

/** A white background, so the chart is readable on dark pages too. */
export function renderSvg(chart: Chart): string {
  const option = chart.kind === 'bars' ? barOption(chart.bars) : lineOption(chart);
  const height = chart.kind === 'bars' ? 80 + chart.bars.length * 34 : 420;
  const view = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  const subtext = chart.kind === 'bars' ? `${chart.unit}; lines: lowest to highest run` : '';
  view.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { color: TEXT, fontFamily: 'sans-serif' },
    title: { left: 0, text: chart.title, subtext, textStyle: { fontSize: 15, color: TEXT } },
    ...option,
  });
  const svg = view.renderToSVGString();
  view.dispose();
  return `${svg}\n`;
}

function barOption(bars: readonly Bar[]): echarts.EChartsOption {
  const shown = bars.toReversed();
  const data = shown.map(({ value, isOurs }) => ({
    value: value.median,
    itemStyle: { color: isOurs ? OURS : OTHERS },
    label: { formatter: figure(value.median) },
  }));
  const reaches = shown.map(({ value }, at) => [value.low, value.high, at]);
  return {
    grid: { left: 210, right: 90, top: 58, bottom: 12 },
    xAxis: { type: 'value', show: false },
    yAxis: {
      type: 'category',
      data: shown.map(({ label }) => label),
      axisTick: { show: false },
      axisLine: { show: false },
      axisLabel: { color: TEXT, width: 200, overflow: 'truncate' },
    },
    series: [
      { type: 'bar', data, barWidth: 18, label: { show: true, position: 'right', distance: 14 } },
      { type: 'custom', data: reaches, renderItem: drawReach, z: 10, silent: true },
    ],
  };
}

/** A thin line from the lowest to the highest value of a bar. */
const drawReach: echarts.CustomSeriesRenderItem = (_params, api) => {
  const [fromX = 0, y = 0] = api.coord([api.value(0), api.value(2)]);
  const [toX = 0] = api.coord([api.value(1), api.value(2)]);
  return {
    type: 'line',
    shape: { x1: fromX, y1: y, x2: toX, y2: y },
    style: { stroke: TEXT, lineWidth: 1.5 },
  };
};

function lineOption(chart: Chart & { kind: 'lines' }): echarts.EChartsOption {
  const type = chart.isLog ? 'log' : 'value';
  const named = { nameTextStyle: { color: TEXT }, nameLocation: 'middle' as const };
  return {
    color: LINE_COLORS,
    grid: { left: 80, right: 40, top: 76, bottom: 56 },
    legend: { top: 34 },
    xAxis: { type, name: chart.xTitle, nameGap: 32, ...named, minorSplitLine: { show: false } },
    yAxis: { type, name: chart.yTitle, nameGap: 56, ...named },
    series: chart.lines.map(({ name, points }) => ({
      type: 'line',
      name,
      data: points.map((point) => [...point]),
      symbolSize: 7,
    })),
  };
}
