/** Versions of a group, the most stable and newest first, as clients prefer them (Kubernetes documentation, "Version priority"). */

export const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Kubernetes version priority: v2, v1, v1beta2, v1beta1, v1alpha1, then the rest by name. */
export function compareVersions(a: string, b: string): number {
  const left = versionParts(a);
  const right = versionParts(b);
  if (left === undefined || right === undefined) return left !== undefined ? -1 : right !== undefined ? 1 : compareText(a, b);
  for (const [index, value] of left.entries()) {
    const difference = (right[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}

const stability: { readonly [word: string]: number } = { alpha: 0, beta: 1 };

function versionParts(version: string): readonly [stable: number, major: number, minor: number] | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return undefined;
  return [match[2] === undefined ? 2 : (stability[match[2]] ?? 0), Number(match[1]), Number(match[3] ?? 0)];
}
