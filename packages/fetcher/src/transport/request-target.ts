/** A whole URL as a request line may have it: without a fragment. Its credentials are headers. */
export function withoutFragment({ origin, pathname, search }: URL): string {
  return `${origin}${pathname}${search}`;
}
