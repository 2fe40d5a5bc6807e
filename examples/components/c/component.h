/*
 * What a component in C needs beyond wasi-libc to call interfaces that are not POSIX: imports by their names, and a place for
 * results. How values become arguments and memory is the component model's canonical ABI: up to sixteen words go as
 * arguments, larger results are written where the last argument points to.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT(interface, name) __attribute__((import_module(interface), import_name(name))) extern

/* the host asks for memory to put lists and strings into */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)old_size, (void)align;
  return realloc(old, size);
}

typedef struct {
  uint8_t *bytes;
  size_t length;
} List;

/* result<list<u8>, error> */
typedef struct {
  uint8_t failed;
  union {
    uint8_t error;
    List list;
  };
} ListResult;

/* result<_, error> */
typedef struct {
  uint8_t failed;
  uint8_t error;
} Result;
