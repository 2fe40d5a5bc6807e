/* Asks a flash chip on the SPI bus for its JEDEC id: `spi DEVICE`. */
#include "component.h"

IMPORT("lichen:spi/devices@0.1.0", "transfer")
void transfer(const char *device, size_t device_length, int mode, int speed, const uint8_t *data, size_t length, ListResult *result);

static const char *const errors[] = {"denied", "missing", "invalid", "io"};

int main(int argc, char **argv) {
  if (argc < 2) return fputs("usage: spi DEVICE\n", stderr), 2;
  const uint8_t command[4] = {0x9f};
  ListResult answer;
  transfer(argv[1], strlen(argv[1]), 0, 1000000, command, sizeof command, &answer);
  if (answer.failed) return fprintf(stderr, "transfer: %s\n", errors[answer.error]), 1;
  const uint8_t *id = answer.list.bytes;
  printf("id %02x %02x %02x\n", id[1], id[2], id[3]);
  return 0;
}
