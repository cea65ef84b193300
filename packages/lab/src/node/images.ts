import { nodeCommand } from '../isolate.ts';

/** An image that the lab has: what runs when a container gives no command, and the port that answers once it is ready. */
export interface Image {
  readonly entrypoint: readonly string[];
  readonly port?: (env: Readonly<Record<string, string>>) => number;
}

export const ECHO_PORT = 8080;

const IMAGES: Readonly<Record<string, Image>> = {
  'lab/echo': { entrypoint: nodeCommand('./images/echo'), port: (env) => Number(env.PORT ?? ECHO_PORT) },
  'lab/pause': { entrypoint: ['sleep', 'infinity'] },
};

export const imageNames: readonly string[] = Object.keys(IMAGES);

/** By its name, whatever its tag. */
export function imageOf(reference: string | undefined): Image | undefined {
  return IMAGES[(reference ?? '').replace(/(:[^/]*)?(@.*)?$/, '')];
}

export const IMAGE_HINT = `the lab pulls no images: it has ${imageNames.join(', ')}, and runs the command or args of any other container on this machine's files, so give the container a command`;
