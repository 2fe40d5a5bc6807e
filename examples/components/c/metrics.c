/* Counts to COUNT, tells how far it is, and waits to be stopped: `metrics COUNT`. */
#include "component.h"
#include <unistd.h>

#define INSTRUMENTS "lichen:metrics/instruments@0.1.0"
typedef struct {
  const char *name;
  size_t name_length;
  const char *value;
  size_t value_length;
} Label;

IMPORT(INSTRUMENTS, "add") void add(const char *name, size_t length, const Label *labels, size_t count, double value, Result *result);
IMPORT(INSTRUMENTS, "set") void set(const char *name, size_t length, const Label *labels, size_t count, double value, Result *result);

int main(int argc, char **argv) {
  const Label parity[2] = {{"parity", 6, "even", 4}, {"parity", 6, "odd", 3}};
  long count = argc > 1 ? atol(argv[1]) : 10;
  Result result = {0};
  for (long at = 1; at <= count && !result.failed; at++) {
    add("numbers_total", 13, &parity[at % 2], 1, 1, &result);
    if (!result.failed) set("progress_ratio", 14, NULL, 0, (double)at / count, &result);
  }
  if (result.failed) return fputs(result.error == 0 ? "invalid\n" : "too many\n", stderr), 1;
  puts("counted");
  fflush(stdout);
  for (;;) sleep(3600);
}
