/** Everything that this package throws. `DNS_E_FORMAT`: bytes that are no DNS message; `DNS_E_VALUE`: a value that none can hold. */
export class DnsWireError extends Error {
  readonly code: 'DNS_E_FORMAT' | 'DNS_E_VALUE';

  constructor(code: DnsWireError['code'], message: string) {
    super(message);
    this.name = 'DnsWireError';
    this.code = code;
  }
}

export const malformed = (message: string): DnsWireError => new DnsWireError('DNS_E_FORMAT', message);
export const unfit = (message: string): DnsWireError => new DnsWireError('DNS_E_VALUE', message);
