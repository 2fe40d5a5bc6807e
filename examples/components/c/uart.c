/* Sends a line to a serial port and prints the line that comes back: `uart PORT BAUD TEXT`. */
#include "component.h"

#define STREAMS "wasi:io/streams@0.2.0"
typedef int32_t Handle;
typedef struct {
  uint8_t failed;
  union {
    uint8_t error;
    struct {
      Handle input, output;
    };
  };
} PortResult;
/* result<_, stream-error>, result<list<u8>, stream-error> */
typedef struct {
  uint8_t failed;
  uint32_t error[2];
} StreamResult;

IMPORT("lichen:uart/ports@0.1.0", "open")
void open_port(const char *port, size_t length, int baud, int data_bits, int parity, int stop_bits, int flow_control, PortResult *result);
IMPORT(STREAMS, "[method]input-stream.blocking-read") void blocking_read(Handle, int64_t length, ListResult *result);
IMPORT(STREAMS, "[method]output-stream.blocking-write-and-flush") void write_and_flush(Handle, const char *, size_t, StreamResult *result);
IMPORT(STREAMS, "[resource-drop]input-stream") void drop_input(Handle);
IMPORT(STREAMS, "[resource-drop]output-stream") void drop_output(Handle);

static const char *const errors[] = {"denied", "missing", "invalid", "io"};

int main(int argc, char **argv) {
  if (argc < 4) return fputs("usage: uart PORT BAUD TEXT\n", stderr), 2;
  PortResult port;
  open_port(argv[1], strlen(argv[1]), atoi(argv[2]), 8, 0, 1, false, &port);
  if (port.failed) return fprintf(stderr, "open: %s\n", errors[port.error]), 1;
  StreamResult written;
  write_and_flush(port.output, argv[3], strlen(argv[3]), &written);
  if (!written.failed) write_and_flush(port.output, "\n", 1, &written);
  if (written.failed) return fputs("the port does not take bytes\n", stderr), 1;
  for (bool ended = false; !ended;) {
    ListResult read;
    blocking_read(port.input, 256, &read);
    if (read.failed) return fputs("the port is gone\n", stderr), 1;
    fwrite(read.list.bytes, 1, read.list.length, stdout);
    ended = memchr(read.list.bytes, '\n', read.list.length) != NULL;
    free(read.list.bytes);
  }
  drop_input(port.input);
  drop_output(port.output);
  return 0;
}
