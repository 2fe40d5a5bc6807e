/* The frame of a guest that is a list of cases: each is named on the command line, and told about in one line. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *name;
  void (*run)(void);
} Case;

static const char *failed;
static int failed_line, failed_errno;
static char why[256];

#define CHECK(condition)          \
  do {                            \
    if (!(condition)) {           \
      failed = "";                \
      failed_line = __LINE__;     \
      failed_errno = errno;       \
      return;                     \
    }                             \
  } while (0)

/* the call fails, and in this way */
#define FAILS(code, call)                                                \
  do {                                                                   \
    errno = 0;                                                           \
    long result_ = (long)(call);                                         \
    if (result_ != -1 || errno != (code)) {                              \
      snprintf(why, sizeof why, "it gives %ld, not errno %d", result_, code); \
      failed = why;                                                      \
      failed_line = __LINE__;                                            \
      failed_errno = errno;                                              \
      return;                                                            \
    }                                                                    \
  } while (0)

static Case cases[256];
static int case_count;

/* each adds itself to the table before main begins */
#define CASE(name)                                                              \
  static void case_##name(void);                                                \
  __attribute__((constructor)) static void add_##name(void) {                   \
    cases[case_count++] = (Case){#name, case_##name};                           \
  }                                                                             \
  static void case_##name(void)

static void before_each(const char *name);

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int at = 1; at < argc; at++) {
    const Case *found = cases, *end = cases + case_count;
    while (found < end && strcmp(found->name, argv[at]) != 0) found++;
    if (found == end) {
      printf("not ok %s: there is no such case\n", argv[at]);
      continue;
    }
    failed = NULL;
    failed_errno = 0;
    before_each(found->name);
    found->run();
    if (failed == NULL) printf("ok %s\n", found->name);
    else printf("not ok %s: line %d, errno %d %s\n", found->name, failed_line, failed_errno, failed);
  }
  return 0;
}
