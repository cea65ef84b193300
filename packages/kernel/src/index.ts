/** @kosmos/kernel: the contract that plugins are written against. The runtime is `@kosmos/kernel/runtime` (cli, lab, testing only). */
export * from './contracts/at-once.ts';
export * from './contracts/bus.ts';
export * from './contracts/command.ts';
export * from './contracts/config.ts';
export * from './contracts/controller.ts';
export * from './contracts/error.ts';
export * from './contracts/hook.ts';
export * from './contracts/object.ts';
export * from './contracts/plugin.ts';
export * from './contracts/rights.ts';
export * from './contracts/services.ts';
export * from './contracts/table.ts';
export * from './contracts/token.ts';
