import { catalogue } from './en/catalogue';
import { segments } from './en/segments';
import { shell } from './en/shell';
import { contacts } from './en/contacts';
import { customers } from './en/customers';
import { editors } from './en/editors';
import { experiments } from './en/experiments';
import { hints } from './en/hints';
import { install } from './en/install';
import { offers } from './en/offers';
import { recommendations } from './en/recommendations';
import { reports } from './en/reports';
import { views } from './en/views';

/** All base texts, in ICU MessageFormat. Defines the message keys. */
export const en = { ...shell, ...install, ...recommendations, ...reports, ...hints, ...editors, ...catalogue, ...contacts, ...customers, ...segments, ...experiments, ...offers, ...views };

export type BaseKey = keyof typeof en;
export type Messages = Record<BaseKey, string>;
