/* Reads a register of an I2C device as a number, and writes another: `i2c BUS ADDRESS REGISTER [VALUE]`. */
#include "component.h"

IMPORT("lichen:i2c/bus@0.1.0", "write") void write_bytes(int bus, int address, const uint8_t *data, size_t length, Result *result);
IMPORT("lichen:i2c/bus@0.1.0", "write-read") void write_read(int bus, int address, const uint8_t *data, size_t length, int count, ListResult *result);

static const char *const errors[] = {"denied", "missing", "no answer", "invalid", "io"};

int main(int argc, char **argv) {
  if (argc < 4) return fputs("usage: i2c BUS ADDRESS REGISTER [VALUE]\n", stderr), 2;
  int bus = atoi(argv[1]), address = strtol(argv[2], NULL, 0);
  uint8_t message[2] = {strtol(argv[3], NULL, 0)};
  if (argc > 4) {
    message[1] = strtol(argv[4], NULL, 0);
    Result written;
    write_bytes(bus, address, message, 2, &written);
    if (written.failed) return fprintf(stderr, "write: %s\n", errors[written.error]), 1;
  }
  ListResult read;
  write_read(bus, address, message, 1, 2, &read);
  if (read.failed) return fprintf(stderr, "read: %s\n", errors[read.error]), 1;
  printf("register %d: %d\n", message[0], read.list.bytes[0] << 8 | read.list.bytes[1]);
  return 0;
}
