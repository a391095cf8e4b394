import react from '@vitejs/plugin-react';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The output is committed (docs/adr/0001-committed-console.md), so the same input must give the same bytes:
// names come from content, and nothing of the machine or the time goes in.
export default defineConfig({
  base: '/console/',
  plugins: [react()],
  resolve: { alias: { '@proscenium/web': here('../sdk/src/index.ts') } },
  build: {
    outDir: here('../../internal/console/dist'),
    emptyOutDir: true,
    target: 'es2022',
    // Everything stays a file of its own: the page's policy allows no data in scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The notices of what is bundled travel with it.
    license: { fileName: 'licenses.txt' },
    reportCompressedSize: true,
  },
  server: { proxy: { '^/(?!console)': { target: 'http://127.0.0.1:7400', ws: true } } },
});
