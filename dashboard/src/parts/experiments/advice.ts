import type { Experiment, ExperimentResult } from '../../api/experiments';
import { t } from '../../i18n/index.svelte';
import * as format from '../../i18n/format';

/** One sentence that says what to do now, and how it is shown. */
export function adviceText(experiment: Experiment, { advice, power, variants }: ExperimentResult): string {
  const { action, variant, metric, within } = advice;
  const names = { variant: variant ?? '', metric: metric ?? '', control: variants[0]?.key ?? '' };
  switch (action) {
    case 'sample_ratio':
      return t('experiment.advice_sample_ratio');
    case 'guardrail_worse':
      return t('experiment.advice_guardrail', names);
    case 'ship': {
      const result = variants.find(({ key }) => key === variant)?.metrics[metric ?? ''];
      return t('experiment.advice_ship', { ...names, lift: format.percent(Math.abs(result?.lift ?? 0)) });
    }
    case 'keep_control':
      return t('experiment.advice_keep_control', names);
    case 'no_difference':
      return t('experiment.advice_no_difference', { ...names, within: format.percent(within ?? 0) });
    case 'wait':
      return t(experiment.status === 'draft' ? 'experiment.advice_draft' : 'experiment.advice_wait');
    case 'keep_running': {
      const needed = power.metrics[metric ?? '']?.days_needed;
      const left = needed == null ? undefined : Math.ceil(needed - power.days);
      if (left === undefined || left > 3650) return t('experiment.advice_keep_running');
      return t(left > 0 ? 'experiment.advice_keep_running_days' : 'experiment.advice_enough', { days: left, effect: format.percent(power.effect) });
    }
  }
}

export const isBad = (result: ExperimentResult): boolean => ['sample_ratio', 'guardrail_worse'].includes(result.advice.action);
