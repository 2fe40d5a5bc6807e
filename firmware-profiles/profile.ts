/**
 * What lichen knows about a board: facts for matching it and facts about what it offers. A profile is data (a JSON file
 * in profiles/), so support for a board is a file that anyone can add; this file is the type, the check and the match.
 */
export interface FirmwareProfile {
  /** label value of lichen.dev/board: "raspberry-pi-5" */
  readonly name: string;
  /** for people */
  readonly title: string;
  readonly match: BoardMatch;
  readonly soc?: string;
  readonly arch: "amd64" | "arm64" | "arm";
  /** CPU features of /proc/cpuinfo that programs may rely on */
  readonly cpuFeatures?: readonly string[];
  /** RAM sizes the board is sold with, MiB */
  readonly ramMiB?: readonly number[];
  /** virtual addresses of a process, bits: 39 where arm64 kernels have pages of 4 KiB in three levels (Linux, Documentation/arch/arm64/memory.rst) */
  readonly addressBits?: number;
  readonly gpio?: { readonly chipLabel: string; readonly lines: number };
  readonly watchdog?: { readonly device: string; readonly maxSeconds: number };
  /** does it keep time without power? */
  readonly rtc?: boolean;
  readonly boot?: { readonly kind: "eeprom" | "bootcode" | "uefi" | "uboot" };
  readonly quirks?: readonly string[];
}

/** A profile matches when one of the given ways does; the most exact way wins (see `matchScore`). */
export interface BoardMatch {
  /** entries of the device tree's `compatible`, most specific first on the board */
  readonly compatible?: readonly string[];
  /** beginning of the device tree's `model` */
  readonly modelPrefix?: string;
  /** type field of the Raspberry Pi revision code */
  readonly piType?: readonly number[];
  /** DMI strings; all given ones have to be equal */
  readonly dmi?: { readonly vendor?: string; readonly product?: string; readonly board?: string };
  /** any machine of the profile's architecture: the last resort */
  readonly generic?: boolean;
}

/** What a board says of itself. */
export interface BoardFacts {
  readonly arch: string;
  readonly compatible: readonly string[];
  readonly model: string | undefined;
  readonly piRevision: number | undefined;
  readonly dmi: { readonly vendor?: string | undefined; readonly product?: string | undefined; readonly board?: string | undefined };
}

/** @throws Error that says what is wrong with which profile */
export function parseProfile(value: unknown, source: string): FirmwareProfile {
  const wrong = (what: string): never => {
    throw new Error(`firmware profile ${source}: ${what}`);
  };
  if (typeof value !== "object" || value === null) return wrong("is not an object");
  const profile = value as Partial<FirmwareProfile>;
  if (typeof profile.name !== "string" || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(profile.name)) wrong('"name" has to be a label value in lower case');
  if (typeof profile.title !== "string") wrong('"title" is missing');
  if (profile.arch !== "amd64" && profile.arch !== "arm64" && profile.arch !== "arm") wrong('"arch" has to be amd64, arm64 or arm');
  if (typeof profile.match !== "object" || Object.keys(profile.match).length === 0) wrong('"match" names no way to recognise the board');
  for (const key of Object.keys(value)) if (!KNOWN.has(key)) wrong(`unknown field "${key}"`);
  if (profile.addressBits !== undefined && !Number.isInteger(profile.addressBits)) wrong('"addressBits" has to be a whole number');
  if (profile.gpio !== undefined && (typeof profile.gpio.chipLabel !== "string" || !Number.isInteger(profile.gpio.lines))) wrong('"gpio" needs chipLabel and lines');
  return profile as FirmwareProfile;
}

const KNOWN = new Set(["name", "title", "match", "soc", "arch", "cpuFeatures", "ramMiB", "addressBits", "gpio", "watchdog", "rtc", "boot", "quirks"]);

/** How exactly a profile fits; 0: not at all. */
export function matchScore({ arch, match }: FirmwareProfile, facts: BoardFacts): number {
  if (arch !== facts.arch) return 0;
  const first = facts.compatible.findIndex((entry) => match.compatible?.includes(entry) === true);
  // entries get more general from first to last
  if (first >= 0) return 1000 - first;
  if (match.modelPrefix !== undefined && facts.model?.startsWith(match.modelPrefix) === true) return 500;
  const pi = facts.piRevision === undefined ? undefined : piRevision(facts.piRevision);
  if (pi !== undefined && match.piType?.includes(pi.type) === true) return 400;
  const { dmi } = match;
  if (dmi !== undefined && Object.entries(dmi).every(([key, value]) => facts.dmi[key as keyof BoardFacts["dmi"]] === value)) return 300;
  return match.generic === true ? 1 : 0;
}

export function chooseProfile(profiles: readonly FirmwareProfile[], facts: BoardFacts): FirmwareProfile | undefined {
  const scored = profiles.map((profile) => ({ profile, score: matchScore(profile, facts) })).filter(({ score }) => score > 0);
  return scored.toSorted((a, b) => b.score - a.score)[0]?.profile;
}

export interface PiRevision {
  readonly memoryMiB: number | undefined;
  readonly maker: number;
  readonly soc: number;
  readonly type: number;
  readonly revision: number;
}

/**
 * The fields of a new-style revision code (raspberrypi documentation, revision-codes.adoc): match on these, never on
 * the whole code. Undefined for the old table of 2012 to 2014.
 */
export function piRevision(code: number): PiRevision | undefined {
  if (((code >>> 23) & 1) !== 1) return undefined;
  const memory = (code >>> 20) & 7;
  return {
    // 7 means "read it elsewhere" (/proc/device-tree/chosen/rpi-sdram-size-gbit)
    memoryMiB: memory === 7 ? undefined : 256 << memory,
    maker: (code >>> 16) & 15,
    soc: (code >>> 12) & 15,
    type: (code >>> 4) & 255,
    revision: code & 15,
  };
}
