/* Prints the temperature of each one-wire sensor that the pod was granted. */
#include "component.h"

#define DEVICES "lichen:onewire/devices@0.1.0"
typedef struct {
  uint8_t failed;
  union {
    uint8_t error;
    int32_t value;
  };
} TemperatureResult;

IMPORT(DEVICES, "present") void present(List *result);
IMPORT(DEVICES, "temperature") void temperature(const char *id, size_t length, TemperatureResult *result);

static const char *const errors[] = {"denied", "missing", "wrong checksum", "io"};

int main(void) {
  List found;
  present(&found);
  const struct {
    const char *text;
    size_t length;
  } *ids = (const void *)found.bytes;
  for (size_t at = 0; at < found.length; at++) {
    TemperatureResult result;
    temperature(ids[at].text, ids[at].length, &result);
    printf("%.*s: ", (int)ids[at].length, ids[at].text);
    if (result.failed) printf("%s\n", errors[result.error]);
    else printf("%d thousandths of a degree\n", result.value);
  }
  return found.length == 0;
}
