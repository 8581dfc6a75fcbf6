import { ApiError, account as api } from '../api/client';
import type { Session, Site, User } from '../api/types';

const LAST_SITE = 'ashna.site';

/** The logged-in user and the sites they have access to. */
class Account {
  user = $state.raw<User | undefined>();
  sites = $state.raw<Site[]>([]);
  /** Whether the user logged out here, rather than the session being expired or revoked. */
  loggedOut = false;
  status = $state<'loading' | 'out' | 'in' | 'setup' | 'unreachable'>('loading');
  readonly owner = $derived(this.user?.role === 'owner');
  readonly canEdit = $derived(this.user !== undefined && this.user.role !== 'viewer');

  async start(): Promise<void> {
    try {
      this.setSession(await api.session());
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.status = (await this.#setupNeeded()) ? 'setup' : 'out';
      else this.status = 'unreachable';
    }
  }

  async #setupNeeded(): Promise<boolean> {
    try {
      return (await api.setupNeeded()).needed;
    } catch {
      return false;
    }
  }

  setSession(session: Session): void {
    this.user = session.user;
    this.sites = session.sites;
    this.status = 'in';
    this.loggedOut = false;
  }

  async logout(): Promise<void> {
    await api.logout().catch(() => undefined);
    this.loggedOut = true;
    this.expired();
  }

  /** The session cookie is no longer valid: shows the login page. */
  expired(): void {
    this.user = undefined;
    this.sites = [];
    this.status = 'out';
  }

  changeUser(change: Partial<User>): void {
    if (this.user) this.user = { ...this.user, ...change };
  }

  putSite(site: Site): void {
    const known = this.sites.some((other) => other.id === site.id);
    this.sites = known ? this.sites.map((other) => (other.id === site.id ? site : other)) : [...this.sites, site];
  }

  removeSite(id: number): void {
    this.sites = this.sites.filter((site) => site.id !== id);
  }

  /** The site to show first: the last one used, if it still exists. */
  firstSite(): Site | undefined {
    const last = Number(localStorage.getItem(LAST_SITE));
    return this.sites.find((site) => site.id === last) ?? this.sites[0];
  }

  remember(site: Site): void {
    localStorage.setItem(LAST_SITE, String(site.id));
  }
}

export const account = new Account();
