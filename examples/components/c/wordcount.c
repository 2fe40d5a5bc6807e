/*
 * Counts words like `wc -w`: of the files that are named, or of standard input. Plain C for WASI preview 1; the server makes a
 * component of it. The pod mounts a volume and names files in it: args: ["/data/notes.txt"].
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>

static long count(FILE *from) {
  long words = 0;
  int inside = 0;
  for (int c; (c = getc(from)) != EOF;) {
    words += !isspace(c) && !inside;
    inside = !isspace(c);
  }
  return words;
}

int main(int argc, char **argv) {
  int failed = 0;
  if (argc < 2) printf("%ld\n", count(stdin));
  for (int at = 1; at < argc; at++) {
    FILE *file = fopen(argv[at], "r");
    if (file == NULL) {
      fprintf(stderr, "%s: %s\n", argv[at], strerror(errno));
      failed = 1;
      continue;
    }
    printf("%ld %s\n", count(file), argv[at]);
    fclose(file);
  }
  return failed;
}
