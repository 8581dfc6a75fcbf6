import { GregorianCalendar, PersianCalendar } from '@internationalized/date';
import type { CalendarName } from '../api/types';
import { preferences } from './preferences.svelte';

/** Months and weeks follow the user's calendar: the Persian one in Persian. */
export function userCalendar() {
  return preferences.language === 'fa' ? new PersianCalendar() : new GregorianCalendar();
}

/** The same as a part of a question. */
export const calendarName = (): CalendarName => (preferences.language === 'fa' ? 'persian' : 'gregorian');
