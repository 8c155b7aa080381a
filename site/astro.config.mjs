import { readFileSync } from 'node:fs';
import starlight from '@astrojs/starlight';
import { defineConfig, passthroughImageService } from 'astro/config';
import starlightOpenAPI, { createOpenAPISidebarGroup } from 'starlight-openapi';
import starlightTypeDoc, { typeDocSidebarGroup } from 'starlight-typedoc';
import { COMMAND_LINE, HTTP_API, LIBRARY } from './pages/generated.mjs';
import { readMenu, sidebarOf } from './pages/menu.mjs';
import { hrefOf } from './pages/routes.mjs';

const root = new URL('../', import.meta.url);
const read = (file) => readFileSync(new URL(file, root), 'utf8');
const { description } = JSON.parse(read('package.json'));
const httpApi = createOpenAPISidebarGroup();

export default defineConfig({
  // The pictures have few colours already, and would only become larger.
  image: { service: passthroughImageService() },
  integrations: [
    starlight({
      title: 'fetchfleet',
      description,
      customCss: ['./src/styles/site.css'],
      sidebar: sidebarOf(readMenu(read), {
        Reference: [
          { label: COMMAND_LINE.data.title, link: hrefOf(COMMAND_LINE.route) },
          typeDocSidebarGroup,
          httpApi,
        ],
      }),
      plugins: [
        starlightTypeDoc({
          entryPoints: ['../packages/fetchfleet/dist/types/index.d.ts'],
          tsconfig: './tsconfig.library.json',
          output: LIBRARY.route,
          sidebar: { label: LIBRARY.title, collapsed: true },
          typeDoc: {
            excludeInternal: true,
            excludePrivate: true,
            readme: 'none',
            disableSources: true,
          },
        }),
        starlightOpenAPI([
          {
            base: HTTP_API.route,
            schema: '../apps/web/openapi.json',
            sidebar: { label: HTTP_API.title, collapsed: true, group: httpApi },
          },
        ]),
      ],
    }),
  ],
});
