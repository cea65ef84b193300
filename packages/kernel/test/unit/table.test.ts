import { type Columns, printed } from '@kosmos/kernel';
import { expect } from 'chai';

const items = [{ name: 'a', size: 1, more: undefined, list: ['x'] }];
const columns: Columns = { header: ['NAME', 'SIZE'], wide: ['MORE'], rows: [['a', 1, undefined]] };
const print = (output: string, of = items, how = columns) => printed(output, of, how, 'There are none.');

describe('what commands print', () => {
  it('is a line an item, with more columns where it may be wide', async () => {
    expect(await print('table')).to.equal('NAME   SIZE\na      1\n');
    expect(await print('wide')).to.equal('NAME   SIZE   MORE\na      1      -\n');
    expect(await print('wide', items, { header: ['NAME'], rows: [['a']] })).to.equal('NAME\na\n');
  });

  it('is the items themselves as YAML and JSON', async () => {
    expect(await print('yaml')).to.equal('- name: a\n  size: 1\n  list:\n    - x\n');
    expect(await print('json')).to.equal(`${JSON.stringify(items, undefined, 2)}\n`);
  });

  it('says that there is nothing to people, and an empty list to programs', async () => {
    const nothing = { ...columns, rows: [] };
    expect(await print('table', [], nothing)).to.equal('There are none.\n');
    expect([await print('json', [], nothing), await print('yaml', [], nothing)]).to.deep.equal(['[]\n', '[]\n']);
  });
});
