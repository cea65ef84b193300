/** How errors are shown to a person. */
import { styleText } from 'node:util';
import { messageOf, problemsIn } from './errors.ts';

export interface FormatOptions {
  readonly colour?: boolean;
  /** Show stacks: KOSMOS_DEBUG=1. */
  readonly debug?: boolean;
}

/** All problems in an error, each with its place, code and next step; anything else as one line. No stack unless asked for. */
export function formatErrors(error: unknown, options: FormatOptions = {}): string {
  const red = (text: string) => (options.colour ? styleText('red', text, { validateStream: false }) : text);
  const faint = (text: string) => (options.colour ? styleText('dim', text, { validateStream: false }) : text);
  const problems = problemsIn(error);
  if (!problems) {
    const hint = options.debug ? [] : [faint('  This is a fault of Kosmos or of a plugin. KOSMOS_DEBUG=1 shows where it happened.')];
    return [`${red('error:')} ${messageOf(error)}`, ...(options.debug ? [stackOf(error)] : []), ...hint].join('\n');
  }
  const blocks = problems.map((problem) => {
    const lines = [`${red('error:')} ${problem.message}`];
    if (problem.where !== undefined) lines.push(`  at ${problem.where}`);
    if (problem.hint !== undefined) lines.push(`  ${problem.hint}`);
    lines.push(faint(`  ${problem.code}`));
    if (options.debug) lines.push(stackOf(problem.cause ?? problem));
    return lines.join('\n');
  });
  return blocks.length > 1 ? [...blocks, `${blocks.length} problems`].join('\n') : blocks.join('\n');
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
