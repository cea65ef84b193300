/** @kosmos/dns-wire: DNS messages, to bytes and back. */
export { decode } from './decode.ts';
export { encode, type EncodeOptions } from './encode.ts';
export { DnsWireError } from './error.ts';
export * from './message.ts';
