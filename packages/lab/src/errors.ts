import { KosmosError } from '@kosmos/kernel';

export type LabErrorCode =
  | 'KOSMOS_E_LAB_NAME'
  | 'KOSMOS_E_LAB_TOPOLOGY'
  | 'KOSMOS_E_LAB_RUNNING'
  | 'KOSMOS_E_LAB_ABSENT'
  | 'KOSMOS_E_LAB_SYSTEM'
  | 'KOSMOS_E_LAB_HOME'
  | 'KOSMOS_E_LAB_DATA'
  | 'KOSMOS_E_LAB_PORT'
  | 'KOSMOS_E_LAB_START'
  | 'KOSMOS_E_LAB_TARGET'
  | 'KOSMOS_E_LAB_KOSMOS';

export function labError(code: LabErrorCode, message: string, more: { where?: string; hint?: string; cause?: unknown } = {}): KosmosError {
  return new KosmosError(code, message, more);
}

/** What an unknown thrown value says, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException | undefined)?.code === code;
