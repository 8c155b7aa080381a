import { defineConfig } from 'vite';
import { bundledLicences } from '../../../scripts/bundled-licences.mjs';

/**
 * The page as static files: nothing inline, because the policy of the server forbids it, and with
 * relative paths, because it may stand at any base.
 */
// oxlint-disable-next-line import/no-default-export -- what Vite looks for
export default defineConfig({
  base: './',
  plugins: [bundledLicences()],
  resolve: { conditions: ['@fetchfleet/source', 'module', 'browser', 'import', 'default'] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/page',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8788' } },
});
