/* Publishes a text and prints the messages that come: `messaging TOPIC TEXT FILTER COUNT`. Ends after COUNT messages. */
#include "component.h"

#define TOPICS "lichen:messaging/topics@0.1.0"
typedef int32_t Handle;
typedef struct {
  uint8_t failed;
  union {
    uint8_t error;
    Handle subscription;
  };
} OpenResult;
/* option<message> */
typedef struct {
  uint8_t some;
  List topic, payload;
} Received;

IMPORT(TOPICS, "publish") void publish(const char *topic, size_t topic_length, const char *payload, size_t length, Result *result);
IMPORT(TOPICS, "[static]subscription.open") void open_subscription(const char *filter, size_t length, OpenResult *result);
IMPORT(TOPICS, "[method]subscription.receive") void receive(Handle, Received *result);
IMPORT(TOPICS, "[method]subscription.subscribe") Handle arrival(Handle);
IMPORT(TOPICS, "[resource-drop]subscription") void drop_subscription(Handle);
IMPORT("wasi:io/poll@0.2.0", "[method]pollable.block") void block(Handle);
IMPORT("wasi:io/poll@0.2.0", "[resource-drop]pollable") void drop_pollable(Handle);

static const char *const errors[] = {"denied", "unreachable", "invalid", "busy"};

int main(int argc, char **argv) {
  if (argc < 5) return fputs("usage: messaging TOPIC TEXT FILTER COUNT\n", stderr), 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  OpenResult opened;
  open_subscription(argv[3], strlen(argv[3]), &opened);
  if (opened.failed) return fprintf(stderr, "subscribe: %s\n", errors[opened.error]), 1;
  puts("listening");
  Result published;
  publish(argv[1], strlen(argv[1]), argv[2], strlen(argv[2]), &published);
  if (published.failed) return fprintf(stderr, "publish: %s\n", errors[published.error]), 1;
  for (int left = atoi(argv[4]); left > 0;) {
    Received message;
    receive(opened.subscription, &message);
    if (!message.some) {
      Handle some = arrival(opened.subscription);
      block(some);
      drop_pollable(some);
      continue;
    }
    printf("%.*s: %.*s\n", (int)message.topic.length, message.topic.bytes, (int)message.payload.length, message.payload.bytes);
    free(message.topic.bytes);
    free(message.payload.bytes);
    left--;
  }
  drop_subscription(opened.subscription);
  return 0;
}
