/* Sets one GPIO line to what another one reads: `gpio INPUT OUTPUT`. */
#include "component.h"

IMPORT("lichen:gpio/lines@0.1.0", "read") void read_line(int line, Result *result);
IMPORT("lichen:gpio/lines@0.1.0", "write") void write_line(int line, int high, Result *result);

static const char *const errors[] = {"denied", "missing", "io"};

int main(int argc, char **argv) {
  if (argc < 3) return fputs("usage: gpio INPUT OUTPUT\n", stderr), 2;
  Result level, written;
  read_line(atoi(argv[1]), &level);
  if (level.failed) return fprintf(stderr, "line %s: %s\n", argv[1], errors[level.error]), 1;
  /* the value has the place of the error */
  write_line(atoi(argv[2]), level.error, &written);
  if (written.failed) return fprintf(stderr, "line %s: %s\n", argv[2], errors[written.error]), 1;
  printf("line %s follows line %s: %s\n", argv[2], argv[1], level.error ? "high" : "low");
  return 0;
}
