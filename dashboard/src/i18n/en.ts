import { catalogue } from './en/catalogue';
import { editors } from './en/editors';
import { frame } from './en/frame';
import { install } from './en/install';
import { recommendations } from './en/recommendations';
import { reports } from './en/reports';

/** Every text of the dashboard, in ICU MessageFormat. The keys of this object are the keys there are. */
export const en = { ...frame, ...install, ...recommendations, ...reports, ...editors, ...catalogue };

export type BaseKey = keyof typeof en;
export type Messages = Record<BaseKey, string>;
