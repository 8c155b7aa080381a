/** Where the server of the page puts what was typed there. */
const TYPED = /[/\\]fetchfleet-command-[^/\\]+[/\\]crawl\.yaml$/;

/** Where a crawl file came from. */
export function Source({ path }: { readonly path: string }) {
  if (TYPED.test(path)) {
    return <>the page</>;
  }
  return path === '' ? <>somewhere</> : <code>{path}</code>;
}
