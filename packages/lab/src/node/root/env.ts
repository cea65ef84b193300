import { toolEnv } from '../../isolate.ts';

/** A container's own PATH is for its command; what leads there is found on the lab's. */
const OWN_PATH = 'LAB_PATH';

/** The environment of a process that ends up as a container's command. */
export const processEnv = (env: Readonly<Record<string, string>>): NodeJS.ProcessEnv => {
  const { PATH } = toolEnv();
  return { HOME: '/', ...env, PATH, [OWN_PATH]: env.PATH ?? PATH };
};

/** The line of a shell that goes over to the container's own. */
export const TAKE_PATH = `PATH=$${OWN_PATH}; unset ${OWN_PATH}`;
