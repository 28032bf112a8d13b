const { PATH = "", NODE_COMPILE_CACHE } = process.env;

/**
 * All that a program under test gets of this process's environment: where programs are, and where Node
 * keeps what it has compiled, which halves the start of the CLI.
 */
export const programEnv: Readonly<Record<string, string>> = {
  PATH,
  ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
};
