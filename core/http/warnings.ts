/** What a request collected for its `Warning` headers (RFC 9110): each text once, and only so much of them all. */

/** Characters of all texts together; beyond, each is cut. As in Kubernetes. */
const ALL_MAX = 4 * 1024;
const ONE_MAX = 256;

/** The values of the headers. A text that no header can carry is left out. */
export function warningHeaders(texts: readonly string[]): readonly string[] {
  const fit = [...new Set(texts)].filter((text) => text !== "" && !/\p{Cc}/u.test(text)).map((text) => [...text]);
  const all = fit.reduce((sum, { length }) => sum + length, 0);
  return (all <= ALL_MAX ? fit : cut(fit)).map((characters) => `299 - ${quoted(characters.join(""))}`);
}

function cut(texts: readonly (readonly string[])[]): readonly (readonly string[])[] {
  let written = 0;
  return texts.flatMap((characters) => {
    if (written >= ALL_MAX) return [];
    const kept = characters.slice(0, ONE_MAX);
    written += kept.length;
    return [kept];
  });
}

/** quoted-string; the bytes are UTF-8, which node:http writes when each of them is a character */
function quoted(text: string): string {
  return Buffer.from(`"${text.replace(/["\\]/g, "\\$&")}"`).toString("latin1");
}
