// The changelog at a release. It is written by hand, for users, while changes are made: a release
// gives what is under [Unreleased] its version and its date, and takes its notes from there.

const UNRELEASED = '## [Unreleased]';
const HEADING = /^## /mu;

/** The changelog in which what is unreleased is a version of this date (YYYY-MM-DD). */
export function releaseChangelog(text, version, date) {
  if (sectionOf(text, UNRELEASED) === '') {
    throw new Error(`CHANGELOG.md has nothing under ${UNRELEASED}: there is nothing to release`);
  }
  if (notesOf(text, version) !== '') {
    throw new Error(`CHANGELOG.md has a section for ${version} already`);
  }
  return text.replace(UNRELEASED, `${UNRELEASED}\n\n## [${version}] - ${date}`);
}

/** What it says about a version, as Markdown without its heading; '' if that is not there. */
export function notesOf(text, version) {
  return sectionOf(text, `## [${version}]`);
}

/** What is unreleased, as Markdown without its heading. */
export function unreleasedNotes(text) {
  return sectionOf(text, UNRELEASED);
}

function sectionOf(text, heading) {
  const at = `\n${text}`.indexOf(`\n${heading}`);
  if (at === -1) {
    return '';
  }
  const body = text.slice(at).replace(/^.*\n?/u, '');
  const end = body.search(HEADING);
  return (end === -1 ? body : body.slice(0, end)).trim();
}
