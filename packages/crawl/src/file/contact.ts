import { mentionsSecret } from '../access/secrets.ts';
import type { Field } from '../yaml/field.ts';
import { readText } from '../yaml/read-field.ts';

/** The longest address in RFC 5321. Every origin logs this header, so it should not be longer. */
const MAX_CONTACT_LENGTH = 254;

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
const EMAIL = /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i;

/** Reads the contact for operators of an origin, which becomes part of the User-Agent. */
export function readContact(field: Field | undefined): string | undefined {
  const contact = readText(field);
  // Secrets outside of headers are reported for the whole file.
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
  // The message does not quote the password.
  if (url !== null && (url.username !== '' || url.password !== '')) {
    return 'a contact must not contain credentials';
  }
  if (VISIBLE_ASCII.test(contact) && (url !== null || EMAIL.test(contact))) {
    return undefined;
  }
  const allowed = 'an email address or an http(s) URL, in plain ASCII';
  return `${JSON.stringify(contact)} is not a valid contact; allowed: ${allowed}`;
}
