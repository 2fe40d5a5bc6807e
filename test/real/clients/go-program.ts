/**
 * A Go program built without a network from Debian's packages of Go and client-go. GOPATH mode: Debian ships sources, not
 * modules. The build cache stays beside the unpacked packages, so that only the first build takes minutes.
 */
import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { cacheDir, unpackDebian } from "../../../scripts/debian.ts";

const SUITE = "sid";
const libraries = [
  ...["client-go", "api", "apimachinery", "klog", "kube-openapi", "streaming", "utils", "sigs-json", "sigs-structured-merge-diff", "sigs-structured-merge-diff-v6", "sigs-yaml", "sigs-randfill"].map((name) => `golang-k8s-${name}-dev`),
  ...["go-logr-logr", "gogo-protobuf", "google-gnostic-models", "google-go-cmp", "google-uuid", "gorilla-websocket", "spf13-pflag", "fxamacker-cbor", "x448-float16", "json-iterator-go", "modern-go-concurrent", "modern-go-reflect2", "munnerz-goautoneg", "mxk-go-flowrate", "docker-spdystream", "emicklei-go-restful", "go-openapi-jsonreference", "go-openapi-jsonpointer", "go-openapi-swag", "mailru-easyjson", "josharian-intern", "davecgh-go-spew", "pmezard-go-difflib", "evanphx-json-patch", "pkg-errors", "google-btree", "armon-go-socks5", "gregjones-httpcache", "peterbourgon-diskv"].map((name) => `golang-github-${name}-dev`),
  ...["net", "oauth2", "term", "time", "sys", "text"].map((name) => `golang-golang-x-${name}-dev`),
  "golang-google-protobuf-dev",
  "golang-gopkg-inf.v0-dev",
  "golang-gopkg-yaml.v2-dev",
  "golang-gopkg-yaml.v3-dev",
];

/** @returns the path of the program */
export async function buildGoProgram(source: string, output: string): Promise<string> {
  const go = await unpackDebian(SUITE, "golang", ["golang-1.26-go", "golang-1.26-src"]);
  const { folder } = await unpackDebian(SUITE, "client-go", libraries);
  const root = join(go.folder, "usr", "lib", "go-1.26");
  const env = {
    PATH: process.env["PATH"],
    HOME: cacheDir,
    GOROOT: root,
    GOPATH: join(folder, "usr", "share", "gocode"),
    GOCACHE: join(cacheDir, SUITE, "go-build"),
    GO111MODULE: "off",
    GOTOOLCHAIN: "local",
    CGO_ENABLED: "0",
  };
  await promisify(execFile)(join(root, "bin", "go"), ["build", "-o", output, resolve(source)], { env, maxBuffer: 1 << 24 });
  return output;
}
