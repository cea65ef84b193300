export type HostNetCode =
  | 'HOSTNET_E_VALUE'
  | 'HOSTNET_E_TOOL_MISSING'
  | 'HOSTNET_E_NOT_PERMITTED'
  | 'HOSTNET_E_COMMAND'
  | 'HOSTNET_E_TIMEOUT'
  | 'HOSTNET_E_ABORTED';

/** What went wrong on the host: `message` names the command, the item and the tool's own words; `hint` what to do next. */
export class HostNetError extends Error {
  override readonly name = 'HostNetError';
  readonly code: HostNetCode;
  readonly hint: string | undefined;

  constructor(code: HostNetCode, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
