/** The package's version, inserted by the build. */
declare const VERSION: string;
/** Whether slots are part of this build. */
declare const PERSONALIZE: boolean;
/** A fast way to get the time zone, where supported. */
declare const Temporal: { Now: { timeZoneId(): string } };
