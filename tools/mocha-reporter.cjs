// The spec reporter, which also writes its counts for tools/test.ts, and under CI counts a skipped test as failed: a
// machine that lacks a tool or a right must not look like one that passed. CommonJS: mocha loads reporters that way.
const { writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

module.exports = class KosmosReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    const failed = [];
    runner.on(Runner.constants.EVENT_TEST_PENDING, (test) => skipped.push(test.fullTitle()));
    runner.on(Runner.constants.EVENT_TEST_FAIL, (test, error) => failed.push(`${test.fullTitle()}: ${error.message}`));
    runner.on(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = this.stats;
      writeFileSync(process.env.KOSMOS_TEST_COUNTS, JSON.stringify({ passes, failures, failed, skipped }));
    });
  }
};
