// Public types of the tracker. They add nothing to t.js, and the build publishes them as the declarations of the module.

/** Properties of an event or traits of a user: any JSON values. */
export type Properties = Record<string, unknown>;

export interface Consent {
  analytics: boolean;
  personalization: boolean;
}

/** What the tracker captures automatically; each can be switched in the dashboard. */
export type Capture =
  | 'pages'
  | 'engagement'
  | 'clicks'
  | 'rage'
  | 'forms'
  | 'searches'
  | 'errors'
  | 'vitals'
  | 'media'
  | 'copy'
  | 'datalayer';

export interface Options {
  /** The site's write key. */
  key: string;
  /** URL of the service, without a trailing slash, e.g. `https://ashna.example.org`. */
  api: string;
  /**
   * Consent assumed until the visitor decides; default: the site's settings. `wait` keeps everything in memory until
   * then.
   */
  consent?: 'granted' | 'denied' | 'wait';
  /**
   * Milliseconds after which a slot keeps its default content: from the request on, default 1000; without the hiding
   * style from navigation start on, default 300.
   */
  deadline?: number | string;
}

/** Context of a decision, in addition to the visitor's profile. */
export interface DecisionContext extends Properties {
  url?: string;
  item?: string;
  cart?: string[];
}

export interface Item extends Properties {
  id: string;
  title?: string;
  url?: string;
  image?: string;
  price_minor?: number;
  currency?: string;
}

export interface Decision {
  offer?: string | null;
  variant?: string | null;
  content?: Properties | null;
  items?: Item[];
  /** Signed token of how the items were selected; sent back unchanged when the slot is seen or clicked. */
  exposure?: string;
  reason?: string;
}

export interface Decisions {
  visitor?: string;
  decisions: Record<string, Decision>;
  /** True if the service could not use the full profile, or could not be reached. */
  degraded: boolean;
}

/** The detail of the `ashna:decision` event that is dispatched on a slot. */
export interface SlotOutcome {
  slot: string;
  state: 'filled' | 'default';
  decision?: Decision | undefined;
  late: boolean;
}

/** Segment's e-commerce events as methods, with their names in camel case: `productAdded({product_id: 'p-1'})`. */
export type Shop = Record<ShopCall, (properties?: Properties) => void>;

export type ShopCall =
  | 'productsSearched'
  | 'productListViewed'
  | 'productListFiltered'
  | 'promotionViewed'
  | 'promotionClicked'
  | 'productClicked'
  | 'productViewed'
  | 'productAdded'
  | 'productRemoved'
  | 'cartViewed'
  | 'checkoutStarted'
  | 'checkoutStepViewed'
  | 'checkoutStepCompleted'
  | 'paymentInfoEntered'
  | 'orderUpdated'
  | 'orderCompleted'
  | 'orderRefunded'
  | 'orderCancelled'
  | 'couponEntered'
  | 'couponApplied'
  | 'couponDenied'
  | 'couponRemoved'
  | 'productAddedToWishlist'
  | 'productRemovedFromWishlist'
  | 'wishlistProductAddedToCart'
  | 'productShared'
  | 'cartShared'
  | 'productReviewed';

export interface Ashna extends Shop {
  track(name: string, properties?: Properties): void;
  page(name?: string, properties?: Properties): void;
  identify(userId: string, traits?: Properties, signature?: string): void;
  group(groupId: string, traits?: Properties): void;
  alias(userId: string, previousId?: string): void;
  /** Starts a new anonymous visitor, for example on logout. */
  reset(): void;
  consent(choice: Partial<Consent>): void;
  /** Stops all tracking in this browser, also on later pages; `false` resumes it. */
  optOut(out?: boolean): void;
  /** Adds context for all later decisions. */
  context(more: DecisionContext): void;
  /** Requests decisions without rendering; never rejects. Default `slots`: those on the page. */
  decide(slots?: string[], context?: DecisionContext): Promise<Decisions>;
  /** Passes in decisions made during server-side rendering; their slots are not requested again. */
  decided(decisions: Record<string, Decision>): void;
  /** `push(['track', 'Signed Up', {}])` or `push(ashna => …)`: works before and after loading. */
  push(...calls: Call[]): void;
}

export type Call = ArrayLike<unknown> | ((ashna: Ashna) => void);

/** Starts the page's tracker; `earlier` are calls made before it was loaded. */
export type Start = (options: Options, earlier?: Call[]) => Ashna;
