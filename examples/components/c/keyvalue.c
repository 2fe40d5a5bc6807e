/* Counts its own starts in a key-value store that outlives the pod: `keyvalue STORE`. */
#include "component.h"

#define STORE "wasi:keyvalue/store@0.2.0-draft"
typedef int32_t Handle;
/* variant error { no-such-store, access-denied, other(string) } */
typedef struct {
  uint8_t tag;
  List text;
} Error;
typedef struct {
  uint8_t failed;
  union {
    Error error;
    Handle bucket;
  };
} OpenResult;
typedef struct {
  uint8_t failed;
  union {
    Error error;
    int64_t count;
  };
} CountResult;

IMPORT(STORE, "open") void open_store(const char *name, size_t length, OpenResult *result);
IMPORT(STORE, "[resource-drop]bucket") void drop_bucket(Handle);
IMPORT("wasi:keyvalue/atomics@0.2.0-draft", "increment") void increment(Handle, const char *key, size_t length, int64_t delta, CountResult *result);

int main(int argc, char **argv) {
  const char *store = argc > 1 ? argv[1] : "starts";
  OpenResult opened;
  open_store(store, strlen(store), &opened);
  if (opened.failed) return fprintf(stderr, "the store %s: %s\n", store, opened.error.tag == 0 ? "there is none" : "denied"), 1;
  CountResult counted;
  increment(opened.bucket, "starts", 6, 1, &counted);
  if (counted.failed) return fprintf(stderr, "the store is not to be written: %.*s\n", (int)counted.error.text.length, counted.error.text.bytes), 1;
  printf("start %lld\n", (long long)counted.count);
  drop_bucket(opened.bucket);
  return 0;
}
