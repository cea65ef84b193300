/** What runs plugins: for the CLI, the lab and tests. Plugins import `@kosmos/kernel` only. */
export { type Engine, type EngineOptions, createEngine } from './engine.ts';
export { CONFIG_FILES, type LoadedConfig, findConfig, loadConfig } from './host/config.ts';
export { systemClock } from './services/clock.ts';
export { ERRORS, type ErrorCode, type ErrorDoc, fail, problemsIn } from './host/errors.ts';
export { type FormatOptions, formatErrors } from './host/format.ts';
export {
  type Kernel,
  type KernelOptions,
  type KernelState,
  type KernelStatus,
  type PluginOptions,
  type PluginStatus,
  createKernel,
} from './host/kernel.ts';
export { accessOf } from './host/access.ts';
export { noMetrics } from './services/metrics.ts';
export { type LeveledLogger, type LogLevel, type LogOptions, LOG_LEVELS, createLogger } from './services/log.ts';
export { nearest } from './host/order.ts';
export { tapHook } from './host/taps.ts';
export { API_VERSION, KERNEL_VERSION } from './host/version.ts';
