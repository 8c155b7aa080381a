/** The JSON Schema of a crawl file, as a document. */
export async function schemaText(): Promise<string> {
  const { default: schema } = await import('@fetchfleet/crawl/schema', { with: { type: 'json' } });
  return `${JSON.stringify(schema, null, 2)}\n`;
}
