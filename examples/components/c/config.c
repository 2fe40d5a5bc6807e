/* Logs the value of a configuration key at level "info": `config KEY`. */
#include "component.h"

/* result<option<string>, error>; error is variant { upstream(string), io(string) } */
typedef struct {
  uint8_t failed;
  struct {
    uint8_t some;
    List text;
  } value;
} GetResult;

IMPORT("wasi:config/store@0.2.0-draft", "get") void get(const char *key, size_t length, GetResult *result);
IMPORT("wasi:logging/logging@0.1.0-draft", "log") void log_line(int level, const char *context, size_t context_length, const char *message, size_t length);

enum { info = 2, error = 4 };

int main(int argc, char **argv) {
  const char *key = argc > 1 ? argv[1] : "mode";
  GetResult found;
  get(key, strlen(key), &found);
  if (found.failed || !found.value.some) {
    log_line(error, key, strlen(key), "is not configured", 17);
    return 1;
  }
  log_line(info, key, strlen(key), (const char *)found.value.text.bytes, found.value.text.length);
  return 0;
}
