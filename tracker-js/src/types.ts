// The words that a page and the tracker share. Types only: it weighs nothing in t.js, and it is
// what the build publishes as the declarations of the module.

/** Properties of an event or traits of a visitor: whatever JSON can hold. */
export type Properties = Record<string, unknown>;

export interface Consent {
  analytics: boolean;
  personalization: boolean;
}

/** What the tracker notices by itself; the owner switches each in the dashboard. */
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
  /** Where the service listens, without a slash at the end, e.g. `https://ashna.example.org`. */
  api: string;
  /**
   * What holds until the visitor says otherwise; without it, what the site's settings say. `wait`
   * keeps everything in memory until then.
   */
  consent?: 'granted' | 'denied' | 'wait';
  /** Milliseconds after which a slot keeps its default content. Default 300. */
  deadline?: number | string;
}

/** What a decision may be made from, besides what the service knows of the visitor. */
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
  /** How the items were drawn, signed by the service; goes back as it came when the slot is seen or clicked. */
  exposure?: string;
  reason?: string;
}

export interface Decisions {
  visitor?: string;
  decisions: Record<string, Decision>;
  /** True when the service could not use all it knows, or could not be asked at all. */
  degraded: boolean;
}

/** The detail of the `ashna:decision` event that is dispatched on a slot. */
export interface SlotOutcome {
  slot: string;
  state: 'filled' | 'default';
  decision?: Decision | undefined;
  late: boolean;
}

/** Segment's e-commerce events, each by its name in camel case: `productAdded({product_id: 'p-1'})`. */
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
  /** A new, unknown visitor from here on; for the moment of logging out. */
  reset(): void;
  consent(choice: Partial<Consent>): void;
  /** From here on nothing is counted and nothing is sent, on later pages neither; `false` ends that. */
  optOut(out?: boolean): void;
  /** Adds to what every later decision is made from. */
  context(more: DecisionContext): void;
  /** Asks without drawing anything; never rejects. Without `slots`, those on the page. */
  decide(slots?: string[], context?: DecisionContext): Promise<Decisions>;
  /** Decisions that the server made while it drew the page; their slots are not asked for again. */
  decided(decisions: Record<string, Decision>): void;
  /** `push(['track', 'Signed Up', {}])` or `push(ashna => …)`: works before and after loading. */
  push(...calls: Call[]): void;
}

export type Call = ArrayLike<unknown> | ((ashna: Ashna) => void);

/** Starts the one tracker of the page; `earlier` are calls that did not wait for it. */
export type Start = (options: Options, earlier?: Call[]) => Ashna;
