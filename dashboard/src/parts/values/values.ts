import { ROWS_MAX, siteApi } from '../../api/client';
import type { Period, Site } from '../../api/types';
import { allChannels, allDevices, named, t } from '../../i18n/index.svelte';
import * as format from '../../i18n/format';

/** Values that exist in a site's data, to choose from in filters and rules. */

const DIMENSIONS = ['country', 'device', 'language', 'browser', 'os', 'channel', 'source', 'campaign', 'referrer', 'path', 'category', 'brand', 'slot'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Dimensions whose values are codes: they are chosen by name instead of typed. */
const CODED: Dimension[] = ['country', 'device', 'language', 'channel'];
export const isCoded = (dimension: Dimension | undefined): boolean => dimension !== undefined && CODED.includes(dimension);

const COLUMNS: Partial<Record<string, Dimension>> = {
  $country: 'country', $device: 'device', $language: 'language', $browser: 'browser', $os: 'os', $channel: 'channel',
  $source: 'source', $campaign: 'campaign', $referrer_host: 'referrer', $path: 'path', $category: 'category',
};
/** The dimension of a column of events. */
export const dimensionOf = (property: string): Dimension | undefined => COLUMNS[property];

const DAYS = 90;
const PATHS_MAX = 200;
const lists = new Map<string, Promise<string[]>>();

/** The values of a dimension, the most frequent first; empty if they cannot be loaded. */
export function knownValues(site: Site, dimension: Dimension): Promise<string[]> {
  const key = `${site.id}/${dimension}`;
  let list = lists.get(key);
  if (!list) {
    list = load(site, dimension).catch(() => {
      lists.delete(key);
      return [];
    });
    lists.set(key, list);
  }
  return list;
}

async function load(site: Site, dimension: Dimension): Promise<string[]> {
  const api = siteApi(site.id);
  const period = lastDays(DAYS, site);
  const distinct = (values: string[]) => [...new Set(values.filter(Boolean))];
  switch (dimension) {
    case 'country':
    case 'device':
    case 'language':
    case 'browser':
    case 'os':
      return distinct((await api.visitors({ ...period, by: dimension, limit: ROWS_MAX })).rows.map((row) => row.value));
    case 'channel':
    case 'source':
    case 'campaign':
    case 'referrer':
      return distinct((await api.sources({ ...period, by: dimension, limit: ROWS_MAX })).rows.map((row) => row.value));
    case 'path':
      return distinct((await api.pages({ ...period, limit: PATHS_MAX })).rows.map((row) => row.path));
    case 'category':
      return distinct((await api.items({ search: '', limit: ROWS_MAX, offset: 0 })).items.flatMap((item) => item.categories));
    case 'brand':
      return distinct((await api.items({ search: '', limit: ROWS_MAX, offset: 0 })).items.map((item) => item.brand));
    case 'slot':
      return distinct(await slots(site, period));
  }
}

/** Slots that visitors have seen, and those that offers or merchandising rules name. */
async function slots(site: Site, period: Period): Promise<string[]> {
  const api = siteApi(site.id);
  const none = () => undefined;
  const [seen, offers, rules, preview] = await Promise.all([
    api.funnel({ ...period, steps: [{ event: 'Slot Viewed' }], order: 'sequential', window_ms: 60_000, breakdown: 'slot' }).catch(none),
    api.offers().catch(none),
    api.merchandisingRules().catch(none),
    api.preview({}).catch(none),
  ]);
  return [
    ...Object.keys(seen?.breakdown ?? {}).filter((slot) => slot !== 'other'),
    ...(preview?.slots ?? []),
    ...(offers ?? []).map((offer) => offer.slot),
    ...Object.keys(rules?.slots ?? {}),
  ];
}

function lastDays(days: number, site: Site): Period {
  const to = Date.now() + 60_000;
  return { from: new Date(to - days * 86_400_000).toISOString(), to: new Date(to).toISOString(), timezone: site.timezone };
}

/** Whether visitors have seen a slot in the last 90 days; undefined if that cannot be found out. */
export async function slotSeen(site: Site, slot: string): Promise<boolean | undefined> {
  const steps = [{ event: 'Slot Viewed', where: [{ property: 'slot', op: 'eq' as const, value: slot }] }];
  try {
    const result = await siteApi(site.id).funnel({ ...lastDays(DAYS, site), steps, order: 'sequential', window_ms: 60_000 });
    return (result.steps[0]?.reached ?? 0) > 0;
  } catch {
    return undefined;
  }
}

/** Whether a product of the catalog has a category; undefined if there is no catalog or it cannot be read. */
export async function categoryExists(site: Site, category: string): Promise<boolean | undefined> {
  try {
    const { items } = await siteApi(site.id).items({ search: category, limit: ROWS_MAX, offset: 0 });
    if (items.some((item) => item.categories.includes(category))) return true;
    return (await knownValues(site, 'category')).length > 0 ? false : undefined;
  } catch {
    return undefined;
  }
}

/** The display name of a value, such as Germany for DE. */
export function valueName(dimension: Dimension | undefined, value: string): string {
  switch (dimension) {
    case 'country':
      return format.country(value);
    case 'language':
      return format.language(value);
    case 'device':
      return named('device', value);
    case 'channel':
      return named('channel', value);
    default:
      return value || t('value.none');
  }
}

/** ISO 3166-1 codes, for countries without a visitor yet. */
const COUNTRIES =
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW';

/** All values that a coded dimension may have. */
export function allValues(dimension: Dimension): string[] {
  if (dimension === 'country') return COUNTRIES.split(' ');
  if (dimension === 'channel') return allChannels();
  return dimension === 'device' ? allDevices() : [];
}
