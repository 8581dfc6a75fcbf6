import type { Messages } from './en';
import { catalogue } from './fa/catalogue';
import { editors } from './fa/editors';
import { frame } from './fa/frame';
import { install } from './fa/install';
import { recommendations } from './fa/recommendations';
import { reports } from './fa/reports';

export const fa: Messages = { ...frame, ...install, ...recommendations, ...reports, ...editors, ...catalogue };
