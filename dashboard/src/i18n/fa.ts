import type { Messages } from './en';
import { catalogue } from './fa/catalogue';
import { segments } from './fa/segments';
import { shell } from './fa/shell';
import { contacts } from './fa/contacts';
import { customers } from './fa/customers';
import { editors } from './fa/editors';
import { experiments } from './fa/experiments';
import { hints } from './fa/hints';
import { install } from './fa/install';
import { offers } from './fa/offers';
import { recommendations } from './fa/recommendations';
import { reports } from './fa/reports';
import { views } from './fa/views';

export const fa: Messages = { ...shell, ...install, ...recommendations, ...reports, ...hints, ...editors, ...catalogue, ...contacts, ...customers, ...segments, ...experiments, ...offers, ...views };
