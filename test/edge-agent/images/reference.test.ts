import test from "ava";
import { referenceProblem } from "../../../edge-agent/images/reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

for (const reference of ["busybox", "busybox:1", "library/busybox", "example.com/app", "localhost/app", "example.com:5000/team/app_x/y--z:v1.2_3", "EXAMPLE.com/app", "[::1]:5000/app", `app@${digest}`, `example.com/app:1@${digest}`]) {
  test(`"${reference}" is a name of an image`, (t) => t.is(referenceProblem(reference), undefined));
}

for (const [reference, problem] of [
  ["", "invalid reference format"],
  ["app:", "invalid reference format"],
  ["a//b", "invalid reference format"],
  ["a b", "invalid reference format"],
  ["app@sha256:short", "invalid reference format"],
  [`app:${"t".repeat(129)}`, "invalid reference format"],
  ["App", "invalid reference format: repository name (library/App) must be lowercase"],
  ["Not/A:Good:Name", "invalid reference format: repository name (A) must be lowercase"],
  ["example.com/Team/app", "invalid reference format: repository name (Team/app) must be lowercase"],
] as const) {
  test(`"${reference.slice(0, 30)}" is none`, (t) => t.is(referenceProblem(reference), problem));
}
