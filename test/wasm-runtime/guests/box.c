/* A program of small commands, for pods: `box COMMAND ARGS`. What is written to a file appears by a rename. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int cat(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return fprintf(stderr, "%s: %s\n", path, strerror(errno)), 1;
  for (int c; (c = getc(file)) != EOF;) putchar(c);
  putchar('\n');
  return fclose(file);
}

static int write_text(const char *path, const char *text) {
  char draft[512];
  snprintf(draft, sizeof draft, "%s.new", path);
  FILE *file = fopen(draft, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || rename(draft, path) != 0) return fprintf(stderr, "%s: %s\n", path, strerror(errno)), 1;
  return 0;
}

static int list(const char *path) {
  DIR *directory = opendir(path);
  if (directory == NULL) return fprintf(stderr, "%s: %s\n", path, strerror(errno)), 1;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) puts(entry->d_name);
  return closedir(directory);
}

/* prints the file's text whenever it is another one */
static int follow(const char *path) {
  char last[4096] = "", now[4096];
  for (;; usleep(50000)) {
    FILE *file = fopen(path, "r");
    size_t length = file == NULL ? 0 : fread(now, 1, sizeof now - 1, file);
    if (file != NULL) fclose(file);
    now[length] = 0;
    if (length == 0 || strcmp(now, last) == 0) continue;
    printf("now %s\n", now);
    strcpy(last, now);
  }
}

static volatile int never;

static int run(int count, char **words) {
  const char *command = words[0], *one = count > 1 ? words[1] : "", *two = count > 2 ? words[2] : "";
  if (strcmp(command, "cat") == 0) return cat(one);
  if (strcmp(command, "write") == 0) return write_text(one, two);
  if (strcmp(command, "list") == 0) return list(one);
  if (strcmp(command, "follow") == 0) return follow(one);
  if (strcmp(command, "fail") == 0) return puts("failing"), 1;
  if (strcmp(command, "trap") == 0) __builtin_trap();
  if (strcmp(command, "sleep") == 0) return sleep(atoi(one)), 0;
  if (strcmp(command, "echo") == 0) {
    for (int at = 1; at < count; at++) printf("%s%c", words[at], at + 1 < count ? ' ' : '\n');
    return 0;
  }
  if (strcmp(command, "env") == 0) {
    for (char **each = environ; *each != NULL; each++) puts(*each);
    return 0;
  }
  if (strcmp(command, "spin") == 0) {
    for (puts("spinning"); !never;) {
    }
  }
  if (strcmp(command, "grow") == 0) {
    for (void *volatile block = malloc(1); block != NULL;) block = malloc(1 << 20);
    __builtin_trap();
  }
  if (strcmp(command, "flood") == 0) {
    for (;;) puts("a line of a program that talks too much, again and again and again and again and again");
  }
  fprintf(stderr, "box: there is no command \"%s\"\n", command);
  return 2;
}

/* several commands are parted by "then"; the first that fails is the last */
int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int at = 1; at < argc;) {
    int count = 0;
    while (at + count < argc && strcmp(argv[at + count], "then") != 0) count++;
    if (count > 0) {
      int code = run(count, argv + at);
      if (code != 0) return code;
    }
    at += count + 1;
  }
  return 0;
}
