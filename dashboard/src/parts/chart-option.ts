import type { EChartsCoreOption } from 'echarts/core';
import { t } from '../i18n/index.svelte';
import type { Line, Mark } from './Chart.svelte';

export type Palette = { series: string[]; ink: string; soft: string; line: string; card: string; wash: string; font: string };

/** Distinct for color-blind users too; the accent color first. */
const SERIES = {
  light: ['#0b6b66', '#c2701c', '#5b6fb5', '#a3477c', '#6d8f2f', '#8a6d5a', '#3b93c4', '#b0392f'],
  dark: ['#4fc0b1', '#eaa14f', '#93a6ec', '#dd86b6', '#a9cb66', '#c4a38c', '#7cc4ee', '#f08d7f'],
};

/** Theme colors resolved by the browser, because a canvas has no CSS variables. */
export function palette(dark: boolean): Palette {
  const probe = document.createElement('span');
  document.body.append(probe);
  const resolve = (variable: string) => {
    probe.style.color = `var(${variable})`;
    return getComputedStyle(probe).color;
  };
  const colors: Palette = {
    series: dark ? SERIES.dark : SERIES.light,
    ink: resolve('--ink'),
    soft: resolve('--ink-soft'),
    line: resolve('--line'),
    card: resolve('--card'),
    wash: resolve('--accent-wash'),
    font: getComputedStyle(document.body).fontFamily,
  };
  probe.remove();
  return colors;
}

/** Wraps text in first-strong isolates, because a canvas has only one direction. */
export const isolated = (text: string) => `\u2068${text}\u2069`;

const LINE_LENGTH = 13;
/** Breaks a step name into short lines, its number with the first word. */
const stacked = (text: string) => {
  const lines: string[] = [];
  for (const word of text.split(/(?<!\.) /)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= LINE_LENGTH) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.map(isolated).join('\n');
};

type Drawing = {
  rtl: boolean;
  categories: string[];
  /** Longer labels for the tooltip. */
  details: string[];
  lines: Line[];
  /** Of the axis; `exact` is that of the tooltip. */
  format: (value: number) => string;
  exact: (value: number) => string;
  colors: Palette;
  max?: number | undefined;
  /** Whether values are fractions, so that axis ticks may be closer than 1. */
  fine?: boolean;
  marks?: Mark[];
  /** Categories are steps, not times: they follow the direction of the page. */
  steps?: boolean;
};

export function chartOption({ rtl, categories, details, lines, format, exact, colors, max, fine = false, marks = [], steps = false }: Drawing): EChartsCoreOption {
  const text = { color: colors.soft, fontFamily: colors.font, fontSize: 12 };
  const bars = lines.some((line) => line.kind === 'bar');
  const inverse = rtl && (bars || steps);
  return {
    animationDuration: 350,
    color: colors.series,
    textStyle: { fontFamily: colors.font },
    aria: { enabled: true },
    grid: { left: 4, right: 12, top: top(rtl, lines.length, marks.length), bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    legend: {
      show: lines.length > 1,
      data: lines.map((line) => isolated(line.name)),
      top: 0,
      // Leaves room for the table switch at the end of this line.
      type: 'scroll',
      width: '84%',
      ...(rtl ? { right: 0, align: 'right' } : { left: 0 }),
      itemWidth: 18,
      itemHeight: 9,
      textStyle: text,
    },
    tooltip: {
      trigger: 'axis',
      // Drawn on the canvas: the content security policy forbids HTML written by libraries.
      renderMode: 'richText',
      confine: true,
      axisPointer: bars ? { type: 'shadow' } : { type: 'line', lineStyle: { color: colors.line } },
      backgroundColor: colors.card,
      borderColor: colors.line,
      textStyle: { ...text, color: colors.ink, fontSize: 13 },
      formatter: (points: TooltipPoint[]) => tooltip(points, details, lines, exact),
    },
    xAxis: {
      type: 'category',
      data: categories.map(bars ? stacked : isolated),
      // Time always runs left to right; steps follow the direction of the page.
      inverse,
      boundaryGap: bars,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: colors.line } },
      axisLabel: { ...text, lineHeight: 16, hideOverlap: true },
    },
    yAxis: {
      type: 'value',
      position: inverse ? 'right' : 'left',
      minInterval: max === 1 || fine ? undefined : 1,
      max,
      axisLabel: { ...text, formatter: format },
      splitLine: { lineStyle: { color: colors.line } },
    },
    series: [...lines.flatMap((line, index) => series(line, index, colors)), ...(marks.length > 0 ? [markSeries(marks, colors)] : [])],
  };
}

/** Room for the legend and for numbers of marks; in RTL the tools of the chart lie over its first axis. */
function top(rtl: boolean, lines: number, marks: number): number {
  const room = lines > 1 ? 44 : rtl ? 36 : 16;
  return marks > 0 ? Math.max(room + (lines > 1 ? 12 : 0), 32) : room;
}

/** Vertical lines with their numbers, as a series without values. */
function markSeries(marks: Mark[], colors: Palette): Record<string, unknown> {
  return {
    id: 'marks',
    type: 'line',
    data: [],
    silent: true,
    markLine: {
      symbol: 'none',
      silent: true,
      animation: false,
      lineStyle: { color: colors.soft, type: 'solid', width: 1 },
      label: { position: 'end', distance: 2, color: colors.card, backgroundColor: colors.soft, borderRadius: 9, padding: [3, 6], fontSize: 11, lineHeight: 12, fontFamily: colors.font },
      data: marks.map(({ at, label }) => ({ xAxis: at, label: { formatter: label } })),
    },
  };
}

type TooltipPoint = { dataIndex: number; seriesId?: string; marker?: unknown };

/** One row per line with its own label; the dashed part of a line is no row of its own. */
function tooltip(points: TooltipPoint[], details: string[], lines: Line[], format: (value: number) => string): string {
  const row = points[0]?.dataIndex ?? 0;
  const rows = lines.map((line, index) => {
    const value = line.values[row];
    const point = points.find(({ seriesId }) => seriesId?.split('/')[0] === String(index));
    const label = line.labels?.[row];
    const marker = typeof point?.marker === 'string' ? point.marker : '';
    return `${marker}${isolated(label ? `${line.name}${t('list.comma')}${label}` : line.name)}  ${isolated(value == null ? '–' : format(value))}`;
  });
  return [isolated(details[row] ?? ''), ...rows].join('\n');
}

function series(line: Line, index: number, colors: Palette): Record<string, unknown>[] {
  const { values, partial = [] } = line;
  const base = { id: String(index), name: isolated(line.name), data: values };
  if (line.kind === 'bar') {
    const unfinished = { opacity: 0.5, borderWidth: 1.5, borderType: 'dashed', borderColor: colors.ink };
    const data = values.map((value, at) => (partial[at] ? { value, itemStyle: unfinished } : value));
    return [{ ...base, data, type: 'bar', barMaxWidth: 40, itemStyle: { borderRadius: [4, 4, 0, 0] } }];
  }
  const color = line.faint ? colors.soft : colors.series[index % colors.series.length];
  const shown = values.filter((value) => value != null).length;
  const style = {
    type: 'line',
    showSymbol: shown < 3,
    symbolSize: 7,
    itemStyle: { color },
    lineStyle: { width: line.faint ? 1.5 : 2.5, type: line.faint ? 'dotted' : 'solid', color },
  };
  if (!partial.includes(true)) return [{ ...base, ...style, ...area(line, index, colors) }];
  // The whole values; and dashed, the incomplete ones with their neighbors.
  const near = (at: number) => partial[at] || partial[at - 1] || partial[at + 1];
  return [
    { ...base, ...style, ...area(line, index, colors), data: values.map((value, at) => (partial[at] ? null : value)) },
    {
      ...base,
      ...style,
      id: `${index}/partial`,
      data: values.map((value, at) => (near(at) ? value : null)),
      showSymbol: true,
      symbol: 'emptyCircle',
      symbolSize: (_: unknown, { dataIndex }: { dataIndex: number }) => (partial[dataIndex] && values[dataIndex] != null ? 6 : 0),
      lineStyle: { ...style.lineStyle, type: [5, 4] },
    },
  ];
}

const area = (line: Line, index: number, colors: Palette) =>
  index === 0 && !line.faint ? { areaStyle: { color: colors.wash, opacity: 0.7 } } : {};
