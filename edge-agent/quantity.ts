/** Numbers out of Kubernetes quantities ("100m", "64Mi", "1e3"), as far as a device needs them: whole millis or bytes. */
const SUFFIX: { readonly [suffix: string]: number } = {
  n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** @throws Error when the text is no quantity (the API refuses those, so a device never should see one) */
export function quantity(text: string): number {
  const match = /^([+-]?\d*\.?\d+(?:[eE][+-]?\d+)?|[+-]?\d+\.)([numkMGTPE]?i?)$/.exec(text);
  const factor = SUFFIX[match?.[2] ?? ""];
  if (match?.[1] === undefined || factor === undefined) throw new Error(`"${text}" is not a quantity such as 100m, 0.5 or 64Mi`);
  return Number(match[1]) * factor;
}

/** Rounded up, as the Kubernetes API rounds. */
export function milli(text: string): number {
  return Math.ceil(round(quantity(text) * 1000));
}

export function whole(text: string): number {
  return Math.ceil(round(quantity(text)));
}

/** Takes away what binary fractions add: 0.1 + 0.2 shall not be rounded up. */
function round(value: number): number {
  return Number(value.toPrecision(15));
}
