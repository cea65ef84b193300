import { REAL } from '@kosmos/testing';
import { expect } from 'chai';
import { cases } from '../differ/cases.ts';
import { isKnown, OPEN, subjectOf } from '../differ/known.ts';
import { run } from '../differ/run.ts';
import { startServers, type Servers } from '../differ/servers.ts';

/**
 * Generated requests to a real API server and to the embedded one; `test/differ/main.ts` prints all that they answer differently.
 * Here what programs go by is compared, not the wording of messages.
 */
if (REAL)
  describe('a real API server and the embedded one', function () {
    this.timeout(300_000);
    let servers: Servers;
    before(async () => {
      servers = await startServers();
    });
    after(() => servers?.stop());

    const all = cases();
    for (const subject of new Set(all.map((one) => subjectOf(one.name))))
      it(`answer alike about ${subject}`, async () => {
        const found = [];
        for (const one of all.filter((c) => subjectOf(c.name) === subject))
          found.push(...(await run(servers, one)).filter((d) => !isKnown(d) && d.at !== 'message' && d.at !== 'text'));
        const open = OPEN[subject] ?? 0;
        if (found.length > open)
          expect.fail(`${found.length} differences, more than ${open}: ${JSON.stringify(found.slice(0, 10), null, 1)}`);
        expect(servers.reports).to.deep.equal([]);
      });
  });
