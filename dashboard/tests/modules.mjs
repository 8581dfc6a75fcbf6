// Modules of the dashboard that need no page, as the build would compile them.
import { createServer } from 'vite';

/** Loads modules by their paths below `src`; the server behind it ends as soon as they are there. */
export async function modules(...paths) {
  const vite = await createServer({
    configFile: false,
    root: new URL('..', import.meta.url).pathname,
    appType: 'custom',
    logLevel: 'error',
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  });
  try {
    return await Promise.all(paths.map((path) => vite.ssrLoadModule(`/src/${path}`)));
  } finally {
    await vite.close();
  }
}
