/** @kosmos/testing: what an author of Kosmos plugins tests with. */
export { REAL, startTestApiServer, type TestApiServer, type TestApiServerOptions } from './api-server.ts';
export { manualClock, type ManualClock } from './clock.ts';
export { eventually, type EventuallyOptions } from './eventually.ts';
export { cleanUp, onCleanUp, startTestLab, tempDir, tempLabHome } from './lab.ts';
export { needs } from './needs.ts';
