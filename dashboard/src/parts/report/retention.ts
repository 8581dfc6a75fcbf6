import type { Cohort } from '../../api/insights';

/** The share of all cohorts that came back in each interval, of those for which it is over; null where it is for none. */
export function retentionCurve(cohorts: Cohort[]): (number | null)[] {
  const length = cohorts.reduce((most, { returned }) => Math.max(most, returned.length), 0);
  return Array.from({ length }, (_, index) => {
    const over = cohorts.filter(({ returned }) => returned[index] != null);
    const people = over.reduce((sum, cohort) => sum + cohort.people, 0);
    return people > 0 ? over.reduce((sum, cohort) => sum + (cohort.returned[index] ?? 0), 0) / people : null;
  });
}
