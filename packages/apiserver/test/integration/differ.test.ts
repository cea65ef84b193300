import { REAL } from '@kosmos/testing';
import { expect } from 'chai';
import { cases } from '../differ/cases.ts';
import { isKnown } from '../differ/known.ts';
import { run } from '../differ/run.ts';
import { startServers, type Servers } from '../differ/servers.ts';

/** Generated requests to a real API server and to the embedded one; `test/differ/main.ts` prints all that they answer differently. */
(REAL ? describe : describe.skip)('asked the same, a real API server and the embedded one', function () {
  this.timeout(120_000);
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(() => servers?.stop());

  for (const one of cases())
    it(`answer alike: ${one.name}`, async () => {
      const found = (await run(servers, one)).filter((d) => !isKnown(d));
      expect(found.map(({ do: what, at, real, embedded }) => ({ what, at, real, embedded })).slice(0, 5)).to.deep.equal([]);
      expect(servers.reports).to.deep.equal([]);
    });
});
