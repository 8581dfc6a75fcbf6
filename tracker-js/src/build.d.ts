/** The package's version, written in by the build. */
declare const VERSION: string;
