// The ES module: `import { start } from 'ashna'`.
export { start } from './start';
export type * from './types';
