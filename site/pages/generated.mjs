// What the site has beside the Markdown files of docs/README.md: all of it is reference.

/** Every command with its options, of the command table. */
export const COMMAND_LINE = {
  route: 'reference/command-line',
  data: {
    title: 'Every command and option',
    description: 'What --help says of each command, on one page.',
  },
};
/** The types of the library, by TypeDoc. */
export const LIBRARY = { route: 'reference/library', title: 'Library: every type' };
/** What the server of the page answers, by its OpenAPI document. */
export const HTTP_API = { route: 'reference/http-api', title: 'HTTP API of the page' };
