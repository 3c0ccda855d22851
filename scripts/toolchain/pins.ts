/**
 * The version at which a go.mod pins a module.
 * @param goMod text of the go.mod file
 * @param module module path, such as `helm.sh/helm/v4`
 * @throws when the file does not require that module
 */
export function pinnedGoVersion(goMod: string, module: string): string {
  for (const line of goMod.split('\n')) {
    const [path, version] = line
      .replace(/^require\s+/, '')
      .trim()
      .split(/\s+/);
    if (path === module && version !== undefined) return version;
  }
  throw new Error(`go.mod does not require ${module}`);
}

/** The language version that a go.mod asks for, such as `1.26.0`. */
export function requiredGo(goMod: string): string {
  return /^go\s+(\S+)/m.exec(goMod)?.[1] ?? '1.21';
}

/**
 * The version at which a requirements file pins a Python package.
 * @throws when the file does not pin that package with `==`
 */
export function pinnedPythonVersion(requirements: string, name: string): string {
  for (const line of requirements.split('\n')) {
    // The hashes follow on lines of their own.
    const [found, version] = line
      .replace(/\s*\\$/, '')
      .trim()
      .split('==');
    if (found === name && version !== undefined) return version;
  }
  throw new Error(`requirements do not pin ${name}`);
}
