import type { EChartsCoreOption } from 'echarts/core';
import type { Line } from './Chart.svelte';

type Palette = { series: string[]; ink: string; soft: string; line: string; card: string; wash: string; font: string };

/** Well apart for colour-blind readers too, the accent first; the second row is for dark grounds. */
const SERIES = {
  light: ['#0b6b66', '#c2701c', '#5b6fb5', '#a3477c', '#6d8f2f', '#8a6d5a', '#3b93c4', '#b0392f'],
  dark: ['#4fc0b1', '#eaa14f', '#93a6ec', '#dd86b6', '#a9cb66', '#c4a38c', '#7cc4ee', '#f08d7f'],
};

/** The colours of the page as the browser resolved them: a canvas knows nothing of CSS variables. */
export function palette(dark: boolean): Palette {
  const probe = document.createElement('span');
  document.body.append(probe);
  const resolve = (variable: string) => {
    probe.style.color = `var(${variable})`;
    return getComputedStyle(probe).color;
  };
  const colours: Palette = {
    series: dark ? SERIES.dark : SERIES.light,
    ink: resolve('--ink'),
    soft: resolve('--ink-soft'),
    line: resolve('--line'),
    card: resolve('--card'),
    wash: resolve('--accent-wash'),
    font: getComputedStyle(document.body).fontFamily,
  };
  probe.remove();
  return colours;
}

/** First-strong isolates: a canvas has one direction, its texts have their own. */
const isolated = (text: string) => `\u2068${text}\u2069`;

/** The words of a step's name one below the other, its number with the first. */
const stacked = (text: string) => text.split(/(?<!\.) /).map(isolated).join('\n');

type Drawing = {
  rtl: boolean;
  categories: string[];
  lines: Line[];
  format: (value: number) => string;
  colours: Palette;
  max?: number | undefined;
  /** Whether the values are fractions: a step of the axis may be less than 1. */
  fine?: boolean;
};

export function chartOption({ rtl, categories, lines, format, colours, max, fine = false }: Drawing): EChartsCoreOption {
  const text = { color: colours.soft, fontFamily: colours.font, fontSize: 12 };
  const bars = lines.some((line) => line.kind === 'bar');
  return {
    animationDuration: 350,
    color: colours.series,
    textStyle: { fontFamily: colours.font },
    aria: { enabled: true },
    grid: { left: 4, right: 12, top: lines.length > 1 ? 44 : 16, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    legend: {
      show: lines.length > 1,
      top: 0,
      // The switch to a table sits at the end of this line.
      type: 'scroll',
      width: '84%',
      ...(rtl ? { right: 0, align: 'right' } : { left: 0 }),
      itemWidth: 18,
      itemHeight: 9,
      textStyle: text,
    },
    tooltip: {
      trigger: 'axis',
      // On the canvas: the page's policy lets no library write HTML.
      renderMode: 'richText',
      confine: true,
      axisPointer: bars ? { type: 'shadow' } : { type: 'line', lineStyle: { color: colours.line } },
      backgroundColor: colours.card,
      borderColor: colours.line,
      textStyle: { ...text, color: colours.ink, fontSize: 13 },
      valueFormatter: (value: unknown) => (typeof value === 'number' ? format(value) : '–'),
    },
    xAxis: {
      type: 'category',
      data: categories.map(bars ? stacked : isolated),
      // Time runs as clocks do everywhere; steps are read in the direction of the page.
      inverse: rtl && bars,
      boundaryGap: bars,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: colours.line } },
      axisLabel: { ...text, lineHeight: 16, hideOverlap: true },
    },
    yAxis: {
      type: 'value',
      position: rtl && bars ? 'right' : 'left',
      minInterval: max === 1 || fine ? undefined : 1,
      max,
      axisLabel: { ...text, formatter: format },
      splitLine: { lineStyle: { color: colours.line } },
    },
    series: lines.map((line, index) => series(line, index, colours)),
  };
}

function series(line: Line, index: number, colours: Palette): Record<string, unknown> {
  const base = { name: isolated(line.name), data: line.values };
  if (line.kind === 'bar') return { ...base, type: 'bar', barMaxWidth: 40, itemStyle: { borderRadius: [4, 4, 0, 0] } };
  const colour = line.dashed ? colours.soft : colours.series[index % colours.series.length];
  return {
    ...base,
    type: 'line',
    smooth: 0.15,
    showSymbol: line.values.length < 3,
    symbolSize: 7,
    itemStyle: { color: colour },
    lineStyle: { width: line.dashed ? 1.5 : 2.5, type: line.dashed ? 'dashed' : 'solid', color: colour },
    ...(index === 0 && !line.dashed ? { areaStyle: { color: colours.wash, opacity: 0.7 } } : {}),
  };
}
