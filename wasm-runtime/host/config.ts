/** wasi:config/store 0.2: what the pod's annotations `config.wasi.lichen.dev/<key>` say. It never changes while the guest runs. */
export function configStore(values: Readonly<Record<string, string>>) {
  const entries = Object.entries(values);
  const known = new Map(entries);
  return { get: (key: string) => known.get(key), getAll: () => entries };
}
