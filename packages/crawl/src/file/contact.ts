import { mentionsSecret } from '../model/secrets.ts';
import type { Field } from './yaml-field.ts';
import { readText } from './yaml-read.ts';

/** RFC 5321 bounds an address at 254; a header that every origin logs should not be longer. */
const MAX_CONTACT_LENGTH = 254;

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
const EMAIL = /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i;

/** Whom the people behind an origin can turn to: it becomes part of the User-Agent. */
export function readContact(field: Field | undefined): string | undefined {
  const contact = readText(field);
  // That secrets do not belong here is reported for the whole file.
  if (field === undefined || contact === undefined || mentionsSecret(contact)) {
    return undefined;
  }
  const problem = problemOfContact(contact);
  if (problem === undefined) {
    return contact;
  }
  field.report(problem);
  return undefined;
}

function problemOfContact(contact: string): string | undefined {
  if (contact.length > MAX_CONTACT_LENGTH) {
    return `longer than ${MAX_CONTACT_LENGTH} characters`;
  }
  const url = /^https?:\/\//i.test(contact) ? URL.parse(contact) : null;
  // The user's password would be in the logs of every origin: this is not quoted either.
  if (url !== null && (url.username !== '' || url.password !== '')) {
    return 'a credential must not stand in a contact';
  }
  if (VISIBLE_ASCII.test(contact) && (url !== null || EMAIL.test(contact))) {
    return undefined;
  }
  const allowed = 'an email address or an http(s) URL, in plain ASCII';
  return `${JSON.stringify(contact)} is no contact; allowed: ${allowed}`;
}
