/** The package's version, written in by the build. */
declare const VERSION: string;
/** Whether slots are part of this build. */
declare const PERSONALIZE: boolean;
/** Where a browser has it, the cheap way to its time zone. */
declare const Temporal: { Now: { timeZoneId(): string } };
