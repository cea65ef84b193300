/** Why this process is not ready. */
import type { Health } from '../contracts/services.ts';
import { messageOf } from '../host/errors.ts';

export class HealthBoard implements Health {
  readonly #conditions = new Map<string, () => string | undefined>();
  /** Optional plugins that failed: name and why. The process is ready without them. */
  readonly degraded = new Map<string, string>();

  ready(name: string, reason: () => string | undefined): void {
    this.#conditions.set(name, reason);
  }

  /** Every reason for not being ready, as `name: reason`. */
  reasons(): readonly string[] {
    return [...this.#conditions].flatMap(([name, reason]) => {
      const why = safely(reason);
      return why === undefined ? [] : [`${name}: ${why}`];
    });
  }
}

function safely(reason: () => string | undefined): string | undefined {
  try {
    return reason();
  } catch (error) {
    return `its check failed: ${messageOf(error)}`;
  }
}
