import type { Environment } from '@marcbachmann/cel-js';

/** Declares a name that functions hang on, as `sets` of `sets.contains(a, b)`; gives the type to declare them with. */
export function namespace(env: Environment, name: string): string {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Namespace`;
  const Class = {
    [type]: class {
      readonly name = name;
    },
  }[type]!;
  env.registerType(type, Class as never).registerConstant(name, type, new Class() as never);
  return type;
}
