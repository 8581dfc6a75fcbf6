import type { SiteApi } from '../../api/client';
import type { Key } from '../../i18n/index.svelte';

/** The first steps with a new site, in their order. */
export const STEPS = ['script', 'event', 'goal', 'funnel', 'segment', 'offer'] as const;
export type StepName = (typeof STEPS)[number];
export type GuideStep = { step: StepName; done: boolean };

/** Where a step is taken, below the site. */
export const STEP_PAGES: Record<StepName, string> = { script: 'install', event: 'realtime', goal: 'goals', funnel: 'funnel', segment: 'segments', offer: 'offers' };
export const stepTitle = (step: StepName): Key => `guide.${step}`;
export const stepText = (step: StepName): Key => `guide.${step}_text`;

/** What a site has: absent where it could not be read. */
export type Possessions = { events?: { name: string }[] | undefined; goals?: unknown[] | undefined; funnels?: unknown[] | undefined; segments?: { builtin?: boolean | undefined }[] | undefined; offers?: unknown[] | undefined };

/** Steps with whether they are done; what could not be read is left out. */
export function stepsOf({ events, goals, funnels, segments, offers }: Possessions): GuideStep[] {
  const done: Record<StepName, boolean | undefined> = {
    // Only the script sends page views; any event shows that data arrives.
    script: events && events.some(({ name }) => name === 'page'),
    event: events && events.length > 0,
    goal: goals && goals.length > 0,
    funnel: funnels && funnels.length > 0,
    segment: segments && segments.some((segment) => !segment.builtin),
    offer: offers && offers.length > 0,
  };
  return STEPS.flatMap((step) => (done[step] === undefined ? [] : [{ step, done: done[step] }]));
}

/** Reads what the site has. Fails only if nothing can be read. */
export async function readSteps(api: SiteApi, signal: AbortSignal): Promise<GuideStep[]> {
  const answers = await Promise.allSettled([api.schema(signal), api.goals(signal), api.funnels(signal), api.segments(signal), api.offers(signal)] as const);
  const [schema, goals, funnels, segments, offers] = answers;
  if (answers.every((answer) => answer.status === 'rejected')) throw (schema as PromiseRejectedResult).reason;
  const of = <T>(answer: PromiseSettledResult<T>): T | undefined => (answer.status === 'fulfilled' ? answer.value : undefined);
  return stepsOf({ events: of(schema)?.events, goals: of(goals), funnels: of(funnels), segments: of(segments), offers: of(offers) });
}

const key = (siteId: number) => `ashna.guide.${siteId}`;

/** Whether the guide of a site was dismissed or completed in this browser. */
export function isClosed(siteId: number): boolean {
  try {
    return localStorage.getItem(key(siteId)) !== null;
  } catch {
    return false;
  }
}

export function close(siteId: number): void {
  try {
    localStorage.setItem(key(siteId), 'closed');
  } catch {
    // Without storage, the guide comes back with the next visit.
  }
}
