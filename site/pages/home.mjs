/** The first page: what it is, a picture, and the lists of docs/README.md. */
export function homePage(menu, tagline) {
  const [start] = menu;
  return {
    data: {
      title: 'fetchfleet',
      description: tagline,
      template: 'splash',
      hero: {
        tagline,
        actions: [
          { text: 'Start', link: '/about/', icon: 'right-arrow' },
          { text: 'The crawl file', link: '/crawl-file/', variant: 'minimal' },
        ],
      },
    },
    /** @param text the text of docs/README.md */
    body(text) {
      const lists = text.slice(text.indexOf(`## ${start.label}\n`));
      return [PICTURE, '<div class="lists">', lists, '</div>', ''].join('\n\n');
    },
  };
}

const PICTURE =
  '![A batch under way: progress, fetches a second, origins, workers](images/live-view.svg)';

/** What is shown for an address without a page. */
export const NOT_FOUND = {
  data: { title: 'No such page', template: 'splash', pagefind: false },
  body: 'There is no page at this address. The search finds words in all pages, and [the first page](/)\nlists them.\n',
};
