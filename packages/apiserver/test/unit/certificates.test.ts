import { expect } from 'chai';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { certify, makeCa, YEAR } from '../../src/auth/certificates.ts';

describe('certificates', () => {
  const ca = makeCa();
  const authority = new X509Certificate(ca.cert);
  const issued = (o: Partial<Parameters<typeof certify>[1]> = {}): X509Certificate => {
    const { cert, key } = certify(ca.key, { commonName: 'alice', usage: 'client', until: Date.now() + YEAR, ...o });
    const read = new X509Certificate(cert);
    expect(read.checkPrivateKey(createPrivateKey(key))).to.equal(true);
    expect(read.checkIssued(authority)).to.equal(true);
    expect(read.verify(authority.publicKey)).to.equal(true);
    return read;
  };

  it('are of a CA that signs itself, and are none themselves', () => {
    expect(authority.ca).to.equal(true);
    expect(authority.verify(authority.publicKey)).to.equal(true);
    expect(authority.subject).to.equal('CN=kubernetes');
    expect(issued().ca).to.equal(false);
    expect(issued().issuer).to.equal('CN=kubernetes');
  });

  it('of a client say who it is, in any script, and what it is for', () => {
    const read = issued({ commonName: 'system:node:n1', organizations: ['system:nodes', 'Größe 大'] });
    expect(read.subject).to.equal('CN=system:node:n1\nO=system:nodes\nO=Größe 大');
    expect(read.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.2']);
  });

  it('of a server hold for its names and addresses, however many', () => {
    const many = Array.from({ length: 200 }, (_, i) => `host-${i}.example.com`);
    const read = issued({ usage: 'server', names: ['localhost', '10.96.0.1', '::1', 'fd00:96::a:1', ...many] });
    expect(read.checkHost('host-199.example.com')).to.equal('host-199.example.com');
    expect(read.checkHost('other.example.com')).to.equal(undefined);
    for (const address of ['10.96.0.1', '::1', 'fd00:96::a:1']) expect(read.checkIP(address)).to.equal(address);
    expect(read.checkIP('10.96.0.2')).to.equal(undefined);
    expect(read.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.1']);
  });

  it('end when they are to, after 2049 too', () => {
    for (const at of ['2031-02-03T04:05:06.000Z', '2051-02-03T04:05:06.000Z'])
      expect(new Date(issued({ until: Date.parse(at) }).validTo).toISOString()).to.equal(at);
  });
});
