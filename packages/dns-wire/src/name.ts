import { malformed, unfit } from './error.ts';
import type { Name } from './message.ts';

const MAX_NAME = 255;
const MAX_LABEL = 63;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** The labels of a name as their bytes, a character each. Throws DNS_E_VALUE. */
export function labelsOf(name: Name): string[] {
  if (name === '.' || name === '') return [];
  // Nearly every name has no escape.
  const labels = name.includes('\\') ? splitEscaped(name) : name.split('.');
  if (labels.at(-1) === '') labels.pop(); // a last dot is no label
  let length = 1;
  for (const label of labels) {
    if (label.length === 0 || label.length > MAX_LABEL)
      throw unfit(`${JSON.stringify(name)} has a label of ${label.length} bytes: 1 to ${MAX_LABEL} are allowed`);
    for (let i = 0; i < label.length; i += 1)
      if (label.charCodeAt(i) > 255)
        throw unfit(`${JSON.stringify(name)} holds a character that is no byte; write IDNs in their ASCII form`);
    length += label.length + 1;
  }
  if (length > MAX_NAME) throw unfit(`a name of ${length} bytes is longer than ${MAX_NAME}`);
  return labels;
}

function splitEscaped(name: Name): string[] {
  const labels: string[] = [];
  let label = '';
  for (let i = 0; i < name.length; i += 1) {
    const char = name[i] as string;
    if (char === '.') {
      labels.push(label);
      label = '';
    } else if (char !== '\\') label += char;
    else {
      const digits = /^\d{3}/.exec(name.slice(i + 1, i + 4))?.[0];
      const byte = digits === undefined ? name.charCodeAt(i + 1) : Number(digits);
      if (Number.isNaN(byte) || byte > 255)
        throw unfit(`${JSON.stringify(name)} has an escape that is none: \\DDD up to \\255, or \\ and a character`);
      label += String.fromCharCode(byte);
      i += digits === undefined ? 1 : 3;
    }
  }
  labels.push(label);
  return labels;
}

/** Reads the name at `offset`; `end` is where what follows it begins. Throws DNS_E_FORMAT. */
export function readName(bytes: Uint8Array, offset: number): { readonly name: Name; readonly end: number } {
  let name = '';
  let at = offset;
  let end = -1;
  let length = 1;
  // Each pointer must lead before the place where the last one led: so there is no loop.
  let before = offset;
  for (;;) {
    const size = bytes[at];
    if (size === undefined) throw malformed(`a name goes beyond the end of the message, at byte ${at}`);
    if (size === 0) return { name: name === '' ? '.' : name, end: end < 0 ? at + 1 : end };
    if (size >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) throw malformed(`a pointer goes beyond the end of the message, at byte ${at}`);
      const target = ((size & 0x3f) << 8) | low;
      if (end < 0) end = at + 2;
      if (target >= before) throw malformed(`a pointer at byte ${at} does not lead backwards`);
      before = target;
      at = target;
      continue;
    }
    if (size > MAX_LABEL) throw malformed(`a label at byte ${at} is of a type that is not known`);
    length += size + 1;
    if (length > MAX_NAME) throw malformed(`a name at byte ${offset} is longer than ${MAX_NAME} bytes`);
    if (at + size >= bytes.length) throw malformed(`a label goes beyond the end of the message, at byte ${at}`);
    if (name !== '') name += '.';
    for (let i = at + 1; i <= at + size; i += 1) name += printable(bytes[i] as number);
    at += size + 1;
  }
}

function printable(byte: number): string {
  if (byte === DOT || byte === BACKSLASH) return `\\${String.fromCharCode(byte)}`;
  if (byte > 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\${byte.toString().padStart(3, '0')}`;
}
