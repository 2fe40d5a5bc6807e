import test from "ava";
import { chooseProfile, parseProfile, piRevision, type BoardFacts } from "../../firmware-profiles/profile.ts";
import { readProfiles } from "../../firmware-profiles/profiles.ts";

const profiles = readProfiles();
const unknown: BoardFacts = { arch: "arm64", compatible: [], model: undefined, piRevision: undefined, dmi: {} };

const boards: readonly (readonly [string, Partial<BoardFacts>, string])[] = [
  ["device tree of a Zero 2 W", { compatible: ["raspberrypi,model-zero-2-w", "brcm,bcm2837"] }, "raspberry-pi-zero-2-w"],
  ["device tree of a 3B+", { compatible: ["raspberrypi,3-model-b-plus", "brcm,bcm2837"] }, "raspberry-pi-3b-plus"],
  ["device tree of a 4B", { compatible: ["raspberrypi,4-model-b", "brcm,bcm2711"] }, "raspberry-pi-4b"],
  ["model text of a 5", { model: "Raspberry Pi 5 Model B Rev 1.1" }, "raspberry-pi-5"],
  ["revision code of a 5 with 1 GB", { piRevision: 0xa04171 }, "raspberry-pi-5"],
  ["revision code of a 4B with 8 GB", { piRevision: 0xd03114 }, "raspberry-pi-4b"],
  ["an unknown ARM board", {}, "generic-arm64"],
  ["an x86 machine", { arch: "amd64", dmi: { vendor: "ACME", product: "Box" } }, "generic-x86-64"],
];

for (const [title, facts, name] of boards) {
  test(`${title} is ${name}`, (t) => {
    t.is(chooseProfile(profiles, { ...unknown, ...facts })?.name, name);
  });
}

test("a board of an architecture without profile has none", (t) => {
  t.is(chooseProfile(profiles, { ...unknown, arch: "riscv64" }), undefined);
});

test("the most specific entry of a device tree wins over a general one", (t) => {
  const general = parseProfile({ name: "soc", title: "SoC", arch: "arm64", match: { compatible: ["brcm,bcm2711"] } }, "soc.json");
  t.is(chooseProfile([general, ...profiles], { ...unknown, compatible: ["raspberrypi,4-model-b", "brcm,bcm2711"] })?.name, "raspberry-pi-4b");
  t.is(chooseProfile([general, ...profiles], { ...unknown, compatible: ["other,board", "brcm,bcm2711"] })?.name, "soc");
});

test("revision codes are read by field", (t) => {
  t.deepEqual(piRevision(0xc03112), { memoryMiB: 4096, maker: 0, soc: 3, type: 0x11, revision: 2 });
  t.is(piRevision(0x000e), undefined, "old table");
});

for (const [what, change, message] of [
  ["an upper-case name", { name: "Board" }, /"name"/],
  ["no way to match", { match: {} }, /"match"/],
  ["an unknown architecture", { arch: "mips" }, /"arch"/],
  ["an unknown field", { colour: "green" }, /unknown field "colour"/],
] as const) {
  test(`a profile with ${what} is refused by name`, (t) => {
    const error = t.throws(() => parseProfile({ name: "b", title: "B", arch: "arm64", match: { generic: true }, ...change }, "b.json"));
    t.regex(error?.message ?? "", /firmware profile b\.json/);
    t.regex(error?.message ?? "", message);
  });
}
