import { expect } from 'chai';
import { createHostNet, HostNetError, type Runner } from '../../src/index.ts';
import { failed, missing, must, run, toolEnv } from '../../src/run.ts';

async function errorOf(promise: Promise<unknown>): Promise<HostNetError> {
  const error = await promise.then(
    (value) => expect.fail(`no error but ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(HostNetError);
  return error as HostNetError;
}

describe('running tools', () => {
  it('passes words as they are, without a shell', async () => {
    expect((await run(['printf', '%s|', '$HOME', '`id`', 'a b', "'"])).stdout).to.equal("$HOME|`id`|a b|'|");
  });

  it('gives input and both outputs', async () => {
    const ran = await run(['sh', '-c', 'cat; echo no >&2; exit 3'], { input: 'yes' });
    expect(ran).to.deep.equal({ code: 3, stdout: 'yes', stderr: 'no\n' });
  });

  it('takes no harm from a tool that does not read its input', async () => {
    expect((await run(['true'], { input: 'x'.repeat(2 ** 20) })).code).to.equal(0);
  });

  it('says which command failed, and its words', async () => {
    const error = await errorOf(must(['sh', '-c', 'echo no such thing >&2; exit 1']));
    expect(error.code).to.equal('HOSTNET_E_COMMAND');
    expect(error.message).to.match(/^sh -c .*: no such thing$/);
  });

  it('names a program that is missing', async () => {
    const error = await errorOf(run(['kosmos-no-such-program']));
    expect([error.code, error.message]).to.deep.equal([
      'HOSTNET_E_TOOL_MISSING',
      "The program 'kosmos-no-such-program' cannot be started (ENOENT)",
    ]);
  });

  it('says what to install where it knows', () => {
    const hints = ['ip', 'bridge', 'nft', 'nsenter', 'ip6tables-legacy-restore'].map(
      (tool) => missing(tool, Object.assign(new Error('x'), { code: 'ENOENT' })).hint,
    );
    expect(hints).to.deep.equal(
      ['iproute2', 'iproute2', 'nftables', 'util-linux', 'iptables'].map((name) => `Install ${name}, e.g. apt-get install ${name}.`),
    );
  });

  it('says which right is missing', () => {
    for (const words of ['RTNETLINK answers: Operation not permitted', 'netlink: Error: Permission denied']) {
      const error = failed(['ip', 'link'], words);
      expect([error.code, error.hint]).to.deep.equal([
        'HOSTNET_E_NOT_PERMITTED',
        'Run as root, or with CAP_NET_ADMIN (and CAP_SYS_ADMIN for other network namespaces).',
      ]);
    }
  });

  it('looks for tools where administrators have them, and never in the current directory', () => {
    const before = process.env.PATH;
    try {
      for (const path of ['', undefined, '/opt/bin']) {
        if (path === undefined) delete process.env.PATH;
        else process.env.PATH = path;
        expect(toolEnv().PATH!.split(':')).to.deep.equal([...(path ? [path] : []), '/usr/local/sbin', '/usr/sbin', '/sbin']);
      }
    } finally {
      process.env.PATH = before;
    }
  });

  it('kills a tool that hangs', async () => {
    const error = await errorOf(run(['sleep', '60'], { timeoutMs: 50 }));
    expect([error.code, error.message]).to.deep.equal(['HOSTNET_E_TIMEOUT', 'sleep 60 did not end within 50 ms and was killed']);
  });

  it('kills a tool when asked to stop, and starts none after', async () => {
    const stop = new AbortController();
    const running = errorOf(run(['sleep', '60'], { signal: stop.signal }));
    stop.abort();
    expect((await running).code).to.equal('HOSTNET_E_ABORTED');
    expect((await errorOf(run(['kosmos-no-such-program'], { signal: stop.signal }))).code).to.equal('HOSTNET_E_ABORTED');
  });

  it('lets tools run elsewhere, with their input, and knows one that is not there by its exit code', async () => {
    const asked: (readonly [string, string | undefined])[] = [];
    const runner: Runner = async (argv, { input }) => {
      asked.push([argv.join(' '), input]);
      if (argv[0] === 'nft') return { code: 127, stdout: '', stderr: 'sh: nft: not found' };
      return { code: 0, stdout: argv[0] === 'cat' ? '2\n' : '[]\n', stderr: '' };
    };
    const net = createHostNet({ runner });
    expect(await net.sysctl({ family: 'ipv4', conf: 'eth0', name: 'rp_filter' })).to.equal(2);
    expect(await net.links()).to.deep.equal([]);
    expect((await errorOf(net.nftTable({ family: 'inet', name: 'kosmos' }))).code).to.equal('HOSTNET_E_TOOL_MISSING');
    expect(asked).to.deep.equal([
      ['cat /proc/sys/net/ipv4/conf/eth0/rp_filter', undefined],
      ['ip -j -d -batch -', 'address show\n'],
      ['nft -j list table inet kosmos', undefined],
    ]);
  });
});
