import type { Annotation } from '../../api/insights';
import * as format from '../../i18n/format';
import type { Mark } from '../Chart.svelte';

/** The annotations within a chart, oldest first, and their lines; `starts` are the starts of its steps. */
export function marksOf(annotations: Annotation[], starts: string[], from: string, to: string): { shown: Annotation[]; marks: Mark[] } {
  const times = starts.map((at) => Date.parse(at));
  const shown = annotations
    .filter(({ at }) => Date.parse(at) >= Math.min(Date.parse(from), times[0] ?? Infinity) && Date.parse(at) < Date.parse(to))
    .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const byStep = new Map<number, string>();
  shown.forEach(({ at }, index) => {
    const step = Math.max(0, times.findLastIndex((time) => time <= Date.parse(at)));
    const label = format.number(index + 1);
    byStep.set(step, byStep.has(step) ? `${byStep.get(step)}, ${label}` : label);
  });
  return { shown, marks: [...byStep].map(([at, label]) => ({ at, label })) };
}
