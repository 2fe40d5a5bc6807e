/* What a program sees through wasi-libc: files, time, random numbers, arguments, environment, standard streams. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "cases.h"

#define DATA "/data"
#define RO "/ro"

static char here[128];
static char buffer[70000];

static void before_each(const char *name) {
  snprintf(here, sizeof here, DATA "/%s", name);
  mkdir(here, 0755);
  memset(buffer, 0, sizeof buffer);
}

/* a path in the case's own directory; a few at a time */
static const char *in(const char *name) {
  static char paths[8][256];
  static int next;
  char *path = paths[next++ % 8];
  snprintf(path, 256, "%s/%s", here, name);
  return path;
}

static int put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return -1;
  long count = write(fd, text, strlen(text));
  close(fd);
  return count == (long)strlen(text) ? 0 : -1;
}

static bool holds(const char *path, const char *text) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return false;
  long count = read(fd, buffer, sizeof buffer - 1);
  close(fd);
  if (count < 0) return false;
  buffer[count] = 0;
  return strcmp(buffer, text) == 0;
}

static bool exists(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0;
}

static double monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

/* reading */
CASE(read_whole) { CHECK(holds(DATA "/hello.txt", "hello world\n")); }
CASE(read_in_pieces) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(fd >= 0);
  CHECK(read(fd, buffer, 5) == 5 && memcmp(buffer, "hello", 5) == 0);
  CHECK(read(fd, buffer, 100) == 7);
  CHECK(read(fd, buffer, 100) == 0);
  CHECK(close(fd) == 0);
}
CASE(read_nothing) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(read(fd, buffer, 0) == 0);
  CHECK(read(fd, buffer, 5) == 5);
  close(fd);
}
CASE(read_large) {
  int fd = open(in("f"), O_RDWR | O_CREAT, 0644);
  memset(buffer, 'x', sizeof buffer);
  for (int round = 0; round < 40; round++) CHECK(write(fd, buffer, 65536) == 65536);
  CHECK(lseek(fd, 0, SEEK_SET) == 0);
  long total = 0, count;
  while ((count = read(fd, buffer, sizeof buffer)) > 0) total += count;
  CHECK(total == 40 * 65536);
  close(fd);
}
CASE(pread_leaves_position) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(pread(fd, buffer, 5, 6) == 5 && memcmp(buffer, "world", 5) == 0);
  CHECK(read(fd, buffer, 5) == 5 && memcmp(buffer, "hello", 5) == 0);
  close(fd);
}
CASE(pread_past_end) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(pread(fd, buffer, 5, 1000) == 0);
  close(fd);
}
CASE(readv_scatters) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  char a[3], b[4];
  struct iovec parts[] = {{a, 3}, {b, 4}};
  long count = readv(fd, parts, 2);
  CHECK(count >= 3 && memcmp(a, "hel", 3) == 0);
  close(fd);
}
CASE(seek_set_cur_end) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(lseek(fd, 6, SEEK_SET) == 6);
  CHECK(lseek(fd, 1, SEEK_CUR) == 7);
  CHECK(lseek(fd, -2, SEEK_END) == 10);
  CHECK(read(fd, buffer, 10) == 2);
  close(fd);
}
CASE(seek_before_start) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  FAILS(EINVAL, lseek(fd, -1, SEEK_SET));
  close(fd);
}
CASE(seek_past_end_then_write) {
  int fd = open(in("f"), O_RDWR | O_CREAT, 0644);
  CHECK(lseek(fd, 100, SEEK_SET) == 100);
  CHECK(write(fd, "x", 1) == 1);
  struct stat st;
  CHECK(fstat(fd, &st) == 0 && st.st_size == 101);
  CHECK(pread(fd, buffer, 10, 0) == 10 && buffer[0] == 0);
  close(fd);
}
CASE(read_directory_as_file) {
  int fd = open(DATA "/dir", O_RDONLY);
  CHECK(fd >= 0);
  CHECK(read(fd, buffer, 10) == -1 && (errno == EISDIR || errno == EBADF));
  close(fd);
}
CASE(read_write_only) {
  int fd = open(in("f"), O_WRONLY | O_CREAT, 0644);
  CHECK(read(fd, buffer, 1) == -1 && errno == EBADF);
  close(fd);
}
CASE(read_closed) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  close(fd);
  FAILS(EBADF, read(fd, buffer, 1));
}

/* writing */
CASE(write_and_read_back) {
  CHECK(put(in("f"), "text") == 0);
  CHECK(holds(in("f"), "text"));
}
CASE(write_empty) {
  CHECK(put(in("f"), "") == 0);
  CHECK(holds(in("f"), ""));
}
CASE(write_truncates) {
  put(in("f"), "a long text");
  put(in("f"), "short");
  CHECK(holds(in("f"), "short"));
}
CASE(write_in_place) {
  put(in("f"), "abcdef");
  int fd = open(in("f"), O_WRONLY);
  CHECK(write(fd, "XY", 2) == 2);
  close(fd);
  CHECK(holds(in("f"), "XYcdef"));
}
CASE(write_appends) {
  put(in("f"), "one ");
  int fd = open(in("f"), O_WRONLY | O_APPEND);
  CHECK(write(fd, "two ", 4) == 4);
  CHECK(write(fd, "three", 5) == 5);
  close(fd);
  CHECK(holds(in("f"), "one two three"));
}
CASE(pwrite_at_offset) {
  put(in("f"), "abcdef");
  int fd = open(in("f"), O_RDWR);
  CHECK(pwrite(fd, "XY", 2, 3) == 2);
  CHECK(read(fd, buffer, 10) == 6 && memcmp(buffer, "abcXYf", 6) == 0);
  close(fd);
}
CASE(writev_gathers) {
  int fd = open(in("f"), O_WRONLY | O_CREAT, 0644);
  struct iovec parts[] = {{"ab", 2}, {"cde", 3}};
  long count = writev(fd, parts, 2);
  CHECK(count >= 2);
  if (count < 5) CHECK(write(fd, &"cde"[count - 2], 5 - count) == 5 - count);
  close(fd);
  CHECK(holds(in("f"), "abcde"));
}
CASE(write_read_only) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(write(fd, "x", 1) == -1 && errno == EBADF);
  close(fd);
  CHECK(holds(DATA "/hello.txt", "hello world\n"));
}
CASE(write_binary) {
  char all[256];
  for (int at = 0; at < 256; at++) all[at] = at;
  int fd = open(in("f"), O_RDWR | O_CREAT, 0644);
  CHECK(write(fd, all, 256) == 256);
  CHECK(pread(fd, buffer, 300, 0) == 256 && memcmp(buffer, all, 256) == 0);
  close(fd);
}
CASE(two_descriptors_one_file) {
  put(in("f"), "abc");
  int a = open(in("f"), O_RDWR), b = open(in("f"), O_RDONLY);
  CHECK(write(a, "XYZ", 3) == 3);
  CHECK(read(b, buffer, 3) == 3 && memcmp(buffer, "XYZ", 3) == 0);
  close(a);
  close(b);
}
CASE(fsync_and_fdatasync) {
  int fd = open(in("f"), O_WRONLY | O_CREAT, 0644);
  CHECK(write(fd, "x", 1) == 1);
  CHECK(fsync(fd) == 0);
  CHECK(fdatasync(fd) == 0);
  close(fd);
}
CASE(buffered_streams) {
  FILE *file = fopen(in("f"), "w+");
  CHECK(file != NULL);
  CHECK(fprintf(file, "%d %s\n", 42, "lines") == 9);
  rewind(file);
  int number = 0;
  CHECK(fscanf(file, "%d %s", &number, buffer) == 2 && number == 42 && strcmp(buffer, "lines") == 0);
  fclose(file);
}
CASE(many_small_writes) {
  int fd = open(in("f"), O_WRONLY | O_CREAT, 0644);
  for (int round = 0; round < 500; round++) CHECK(write(fd, "x", 1) == 1);
  struct stat st;
  CHECK(fstat(fd, &st) == 0 && st.st_size == 500);
  close(fd);
}

/* opening */
CASE(open_missing) { FAILS(ENOENT, open(in("none"), O_RDONLY)); }
CASE(open_in_missing_directory) { FAILS(ENOENT, open(in("none/f"), O_RDONLY)); }
CASE(open_through_file) { FAILS(ENOTDIR, open(DATA "/hello.txt/x", O_RDONLY)); }
CASE(open_exclusive_exists) {
  put(in("f"), "x");
  FAILS(EEXIST, open(in("f"), O_WRONLY | O_CREAT | O_EXCL, 0644));
}
CASE(open_exclusive_new) {
  int fd = open(in("f"), O_WRONLY | O_CREAT | O_EXCL, 0644);
  CHECK(fd >= 0);
  close(fd);
}
CASE(open_directory_flag_on_file) { FAILS(ENOTDIR, open(DATA "/hello.txt", O_RDONLY | O_DIRECTORY)); }
CASE(open_directory_for_writing) { CHECK(open(DATA "/dir", O_WRONLY) == -1 && errno == EISDIR); }
CASE(open_nofollow_link) { CHECK(open(DATA "/link", O_RDONLY | O_NOFOLLOW) == -1 && errno == ELOOP); }
CASE(open_follows_link) { CHECK(holds(DATA "/link", "hello world\n")); }
CASE(open_through_directory_link) { CHECK(holds(DATA "/dirlink/nested.txt", "nested\n")); }
CASE(open_trailing_slash_on_file) { CHECK(open(DATA "/hello.txt/", O_RDONLY) == -1); }
CASE(open_dot_and_dotdot_inside) { CHECK(holds(DATA "/dir/./../dir/nested.txt", "nested\n")); }
CASE(open_relative_to_descriptor) {
  int dir = open(DATA "/dir", O_RDONLY | O_DIRECTORY);
  CHECK(dir >= 0);
  int fd = openat(dir, "nested.txt", O_RDONLY);
  CHECK(fd >= 0 && read(fd, buffer, 10) == 7);
  close(fd);
  close(dir);
}
CASE(openat_dotdot_above_descriptor) {
  int dir = open(DATA "/dir", O_RDONLY | O_DIRECTORY);
  CHECK(openat(dir, "../hello.txt", O_RDONLY) == -1);
  close(dir);
}
CASE(open_many) {
  static int fds[100];
  for (int at = 0; at < 100; at++) CHECK((fds[at] = open(DATA "/hello.txt", O_RDONLY)) >= 0);
  for (int at = 0; at < 100; at++) CHECK(close(fds[at]) == 0);
}
CASE(open_until_refused) {
  static int fds[4096];
  int count = 0;
  while (count < 4096 && (fds[count] = open(DATA "/hello.txt", O_RDONLY)) >= 0) count++;
  int error = errno;
  for (int at = 0; at < count; at++) close(fds[at]);
  CHECK(count > 100 && count < 4096);
  CHECK(error == ENOMEM || error == EMFILE || error == ENFILE);
  CHECK(holds(DATA "/hello.txt", "hello world\n"));
}
CASE(open_long_name) {
  char path[400];
  memset(path, 'n', sizeof path - 1);
  memcpy(path, DATA "/", 6);
  path[sizeof path - 1] = 0;
  FAILS(ENAMETOOLONG, open(path, O_WRONLY | O_CREAT, 0644));
}
CASE(open_unicode_name) {
  CHECK(put(in("gr\xc3\xbc\xc3\x9f \xe2\x9c\x93"), "x") == 0);
  CHECK(holds(in("gr\xc3\xbc\xc3\x9f \xe2\x9c\x93"), "x"));
}
CASE(open_name_with_spaces) {
  CHECK(put(in(" a b "), "x") == 0);
  CHECK(holds(in(" a b "), "x"));
}
CASE(open_not_preopened) { CHECK(open("/etc/passwd", O_RDONLY) == -1); }
CASE(open_root) { CHECK(open("/", O_RDONLY) == -1); }
CASE(close_twice) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(close(fd) == 0);
  FAILS(EBADF, close(fd));
}

/* what files are */
CASE(stat_file) {
  struct stat st;
  CHECK(stat(DATA "/hello.txt", &st) == 0);
  CHECK(S_ISREG(st.st_mode) && st.st_size == 12 && st.st_nlink == 1 && st.st_mtim.tv_sec > 1600000000);
}
CASE(stat_directory) {
  struct stat st;
  CHECK(stat(DATA "/dir", &st) == 0 && S_ISDIR(st.st_mode));
}
CASE(stat_follows) {
  struct stat st;
  CHECK(stat(DATA "/link", &st) == 0 && S_ISREG(st.st_mode));
}
CASE(lstat_does_not_follow) {
  struct stat st;
  CHECK(lstat(DATA "/link", &st) == 0 && S_ISLNK(st.st_mode));
}
CASE(stat_missing) {
  struct stat st;
  FAILS(ENOENT, stat(in("none"), &st));
}
CASE(fstat_matches_stat) {
  struct stat a, b;
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(fstat(fd, &a) == 0 && stat(DATA "/hello.txt", &b) == 0);
  CHECK(a.st_size == b.st_size && a.st_ino == b.st_ino);
  close(fd);
}
CASE(inode_tells_files_apart) {
  struct stat a, b;
  put(in("a"), "");
  put(in("b"), "");
  CHECK(stat(in("a"), &a) == 0 && stat(in("b"), &b) == 0 && a.st_ino != b.st_ino);
}
CASE(truncate_shrinks) {
  put(in("f"), "abcdef");
  CHECK(truncate(in("f"), 3) == 0);
  CHECK(holds(in("f"), "abc"));
}
CASE(ftruncate_grows) {
  int fd = open(in("f"), O_RDWR | O_CREAT, 0644);
  CHECK(ftruncate(fd, 1000) == 0);
  struct stat st;
  CHECK(fstat(fd, &st) == 0 && st.st_size == 1000);
  close(fd);
}
CASE(ftruncate_read_only) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(ftruncate(fd, 0) == -1);
  close(fd);
  CHECK(holds(DATA "/hello.txt", "hello world\n"));
}
CASE(utimens_sets_times) {
  put(in("f"), "");
  struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1500000000, .tv_nsec = 500000000}};
  CHECK(utimensat(AT_FDCWD, in("f"), times, 0) == 0);
  struct stat st;
  CHECK(stat(in("f"), &st) == 0);
  CHECK(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec == 1500000000 && st.st_mtim.tv_nsec == 500000000);
}
CASE(access_exists) { CHECK(access(DATA "/hello.txt", F_OK) == 0); }
CASE(access_missing) { FAILS(ENOENT, access(in("none"), F_OK)); }
CASE(fcntl_flags) {
  int fd = open(in("f"), O_RDWR | O_CREAT | O_APPEND, 0644);
  int flags = fcntl(fd, F_GETFL);
  CHECK(flags != -1 && (flags & O_APPEND) != 0);
  close(fd);
}
CASE(posix_fadvise_accepts) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
  close(fd);
}

/* directories */
CASE(mkdir_and_list) {
  CHECK(mkdir(in("d"), 0755) == 0);
  put(in("d/a"), "");
  put(in("d/b"), "");
  DIR *dir = opendir(in("d"));
  CHECK(dir != NULL);
  int found = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, "a") == 0) found |= 1;
    else if (strcmp(entry->d_name, "b") == 0) found |= 2;
    else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) found |= 4;
  }
  closedir(dir);
  CHECK(found == 3);
}
CASE(mkdir_exists) { FAILS(EEXIST, mkdir(DATA "/dir", 0755)); }
CASE(mkdir_under_missing) { FAILS(ENOENT, mkdir(in("a/b"), 0755)); }
CASE(mkdir_under_file) { FAILS(ENOTDIR, mkdir(DATA "/hello.txt/d", 0755)); }
CASE(mkdir_trailing_slash) {
  CHECK(mkdir(in("d/"), 0755) == 0);
  struct stat st;
  CHECK(stat(in("d"), &st) == 0 && S_ISDIR(st.st_mode));
}
CASE(rmdir_empty) {
  mkdir(in("d"), 0755);
  CHECK(rmdir(in("d")) == 0 && !exists(in("d")));
}
CASE(rmdir_full) {
  mkdir(in("d"), 0755);
  put(in("d/f"), "");
  FAILS(ENOTEMPTY, rmdir(in("d")));
}
CASE(rmdir_file) {
  put(in("f"), "");
  FAILS(ENOTDIR, rmdir(in("f")));
}
CASE(rmdir_missing) { FAILS(ENOENT, rmdir(in("none"))); }
CASE(list_types) {
  DIR *dir = opendir(DATA);
  int found = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, "hello.txt") == 0 && entry->d_type == DT_REG) found |= 1;
    if (strcmp(entry->d_name, "dir") == 0 && entry->d_type == DT_DIR) found |= 2;
    if (strcmp(entry->d_name, "link") == 0 && entry->d_type == DT_LNK) found |= 4;
  }
  closedir(dir);
  CHECK(found == 7);
}
CASE(list_many) {
  char name[32];
  for (int at = 0; at < 300; at++) {
    snprintf(name, sizeof name, "file-%d", at);
    CHECK(put(in(name), "") == 0);
  }
  DIR *dir = opendir(here);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) count += strncmp(entry->d_name, "file-", 5) == 0;
  closedir(dir);
  CHECK(count == 300);
}
CASE(list_again_after_rewind) {
  DIR *dir = opendir(DATA "/dir");
  int first = 0, second = 0;
  while (readdir(dir) != NULL) first++;
  rewinddir(dir);
  while (readdir(dir) != NULL) second++;
  closedir(dir);
  CHECK(first == second && first > 0);
}
CASE(list_missing) { CHECK(opendir(in("none")) == NULL && errno == ENOENT); }
CASE(deep_directories) {
  char path[1024];
  snprintf(path, sizeof path, "%s", here);
  for (int depth = 0; depth < 60; depth++) {
    strcat(path, "/d");
    CHECK(mkdir(path, 0755) == 0);
  }
  strcat(path, "/f");
  CHECK(put(path, "deep") == 0 && holds(path, "deep"));
}

/* names */
CASE(unlink_file) {
  put(in("f"), "");
  CHECK(unlink(in("f")) == 0 && !exists(in("f")));
}
CASE(unlink_missing) { FAILS(ENOENT, unlink(in("none"))); }
CASE(unlink_directory) {
  mkdir(in("d"), 0755);
  CHECK(unlink(in("d")) == -1 && (errno == EISDIR || errno == EPERM));
}
CASE(unlink_open_file_stays_readable) {
  put(in("f"), "kept");
  int fd = open(in("f"), O_RDONLY);
  CHECK(unlink(in("f")) == 0);
  CHECK(read(fd, buffer, 10) == 4);
  close(fd);
}
CASE(unlink_link_not_target) {
  put(in("f"), "x");
  symlink("f", in("l"));
  CHECK(unlink(in("l")) == 0 && exists(in("f")));
}
CASE(rename_file) {
  put(in("a"), "x");
  CHECK(rename(in("a"), in("b")) == 0);
  CHECK(!exists(in("a")) && holds(in("b"), "x"));
}
CASE(rename_replaces) {
  put(in("a"), "new");
  put(in("b"), "old");
  CHECK(rename(in("a"), in("b")) == 0 && holds(in("b"), "new"));
}
CASE(rename_into_directory) {
  put(in("a"), "x");
  mkdir(in("d"), 0755);
  CHECK(rename(in("a"), in("d/a")) == 0 && holds(in("d/a"), "x"));
}
CASE(rename_directory) {
  mkdir(in("d"), 0755);
  put(in("d/f"), "x");
  CHECK(rename(in("d"), in("e")) == 0 && holds(in("e/f"), "x"));
}
CASE(rename_missing) { FAILS(ENOENT, rename(in("none"), in("b"))); }
CASE(rename_directory_into_itself) {
  mkdir(in("d"), 0755);
  FAILS(EINVAL, rename(in("d"), in("d/e")));
}
CASE(rename_over_full_directory) {
  mkdir(in("a"), 0755);
  mkdir(in("b"), 0755);
  put(in("b/f"), "");
  CHECK(rename(in("a"), in("b")) == -1 && (errno == ENOTEMPTY || errno == EEXIST));
}
CASE(rename_file_over_directory) {
  put(in("a"), "");
  mkdir(in("b"), 0755);
  CHECK(rename(in("a"), in("b")) == -1 && errno == EISDIR);
}
CASE(rename_to_itself) {
  put(in("a"), "x");
  CHECK(rename(in("a"), in("a")) == 0 && holds(in("a"), "x"));
}
CASE(link_gives_second_name) {
  put(in("a"), "x");
  CHECK(link(in("a"), in("b")) == 0);
  struct stat st;
  CHECK(stat(in("a"), &st) == 0 && st.st_nlink == 2);
  put(in("b"), "changed");
  CHECK(holds(in("a"), "changed"));
}
CASE(link_exists) {
  put(in("a"), "");
  put(in("b"), "");
  FAILS(EEXIST, link(in("a"), in("b")));
}
CASE(link_directory) {
  mkdir(in("d"), 0755);
  CHECK(link(in("d"), in("e")) == -1 && (errno == EPERM || errno == EACCES));
}
CASE(symlink_and_readlink) {
  CHECK(symlink("target", in("l")) == 0);
  CHECK(readlink(in("l"), buffer, 100) == 6 && memcmp(buffer, "target", 6) == 0);
}
CASE(symlink_dangling) {
  CHECK(symlink("none", in("l")) == 0);
  FAILS(ENOENT, open(in("l"), O_RDONLY));
}
CASE(symlink_exists) {
  put(in("f"), "");
  FAILS(EEXIST, symlink("x", in("f")));
}
CASE(symlink_to_itself) {
  CHECK(symlink("l", in("l")) == 0);
  FAILS(ELOOP, open(in("l"), O_RDONLY));
}
CASE(symlink_chain) {
  put(in("f"), "end");
  symlink("f", in("l0"));
  char from[8], to[8];
  for (int at = 0; at < 20; at++) {
    snprintf(from, sizeof from, "l%d", at);
    snprintf(to, sizeof to, "l%d", at + 1);
    CHECK(symlink(from, in(to)) == 0);
  }
  CHECK(holds(in("l20"), "end"));
}
CASE(readlink_of_file) { FAILS(EINVAL, readlink(DATA "/hello.txt", buffer, 10)); }
CASE(readlink_short_buffer) {
  symlink("a-long-target", in("l"));
  CHECK(readlink(in("l"), buffer, 3) == 3 && memcmp(buffer, "a-l", 3) == 0);
}

/* a volume that may not be written */
CASE(ro_reads) { CHECK(holds(RO "/kept.txt", "kept\n")); }
CASE(ro_lists) {
  DIR *dir = opendir(RO);
  CHECK(dir != NULL && readdir(dir) != NULL);
  closedir(dir);
}
CASE(ro_open_for_writing) { CHECK(open(RO "/kept.txt", O_WRONLY) == -1 && (errno == EROFS || errno == EPERM || errno == ENOTCAPABLE)); }
CASE(ro_create) { CHECK(open(RO "/new", O_WRONLY | O_CREAT, 0644) == -1 && !exists(RO "/new")); }
CASE(ro_truncate) { CHECK(truncate(RO "/kept.txt", 0) == -1 && holds(RO "/kept.txt", "kept\n")); }
CASE(ro_unlink) { CHECK(unlink(RO "/kept.txt") == -1 && exists(RO "/kept.txt")); }
CASE(ro_rename) { CHECK(rename(RO "/kept.txt", RO "/moved") == -1 && exists(RO "/kept.txt")); }
CASE(ro_rename_out) { CHECK(rename(RO "/kept.txt", in("stolen")) == -1 && exists(RO "/kept.txt")); }
CASE(ro_rename_in) {
  put(in("f"), "");
  CHECK(rename(in("f"), RO "/f") == -1 && exists(in("f")));
}
CASE(ro_link_out_and_write) {
  if (link(RO "/kept.txt", in("l")) == 0) put(in("l"), "changed");
  CHECK(holds(RO "/kept.txt", "kept\n"));
}
CASE(ro_mkdir) { CHECK(mkdir(RO "/d", 0755) == -1); }
CASE(ro_rmdir) { CHECK(rmdir(RO "/sub") == -1 && exists(RO "/sub")); }
CASE(ro_symlink) { CHECK(symlink("x", RO "/l") == -1); }
CASE(ro_times) {
  struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
  CHECK(utimensat(AT_FDCWD, RO "/kept.txt", times, 0) == -1);
}
CASE(ro_times_of_descriptor) {
  int fd = open(RO "/kept.txt", O_RDONLY);
  struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
  CHECK(futimens(fd, times) == -1);
  close(fd);
}

/* time */
CASE(wall_clock_is_recent) { CHECK(time(NULL) > 1600000000); }
CASE(wall_clock_agrees_with_gettimeofday) {
  struct timeval now;
  CHECK(gettimeofday(&now, NULL) == 0);
  CHECK(labs((long)(now.tv_sec - time(NULL))) <= 1);
}
CASE(wall_clock_resolution) {
  struct timespec step;
  CHECK(clock_getres(CLOCK_REALTIME, &step) == 0 && (step.tv_sec > 0 || step.tv_nsec > 0));
}
CASE(monotonic_moves_forward) {
  double first = monotonic();
  for (int round = 0; round < 100; round++) {
    double next = monotonic();
    CHECK(next >= first);
    first = next;
  }
}
CASE(monotonic_resolution) {
  struct timespec step;
  CHECK(clock_getres(CLOCK_MONOTONIC, &step) == 0 && (step.tv_sec > 0 || step.tv_nsec > 0));
}
CASE(sleep_waits) {
  double before = monotonic();
  CHECK(usleep(20000) == 0);
  CHECK(monotonic() - before >= 0.0199);
}
CASE(sleep_zero) { CHECK(usleep(0) == 0); }
CASE(nanosleep_waits) {
  double before = monotonic();
  struct timespec span = {.tv_nsec = 15000000};
  CHECK(nanosleep(&span, NULL) == 0 && monotonic() - before >= 0.0149);
}
CASE(clock_nanosleep_absolute) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  double before = monotonic();
  until.tv_nsec += 15000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0 && monotonic() - before >= 0.0149);
}
CASE(poll_times_out) {
  double before = monotonic();
  CHECK(poll(NULL, 0, 10) == 0 || errno == ENOTSUP || errno == EINVAL);
  CHECK(monotonic() - before < 5);
}
CASE(poll_file_is_ready) {
  int fd = open(DATA "/hello.txt", O_RDONLY);
  struct pollfd one = {.fd = fd, .events = POLLRDNORM};
  CHECK(poll(&one, 1, 1000) == 1 && (one.revents & POLLRDNORM) != 0);
  close(fd);
}
CASE(time_zone_is_utc) {
  time_t moment = 86400;
  struct tm *local = localtime(&moment);
  CHECK(local != NULL && local->tm_hour == 0 && local->tm_mday == 2);
}
CASE(yield_returns) { CHECK(sched_yield() == 0); }

/* random numbers */
CASE(random_differs) {
  unsigned char a[32] = {0}, b[32] = {0};
  CHECK(getentropy(a, 32) == 0 && getentropy(b, 32) == 0);
  CHECK(memcmp(a, b, 32) != 0);
}
CASE(random_fills_everything) {
  static unsigned char bytes[256];
  int zero = 0;
  CHECK(getentropy(bytes, 256) == 0);
  for (int at = 0; at < 256; at++) zero += bytes[at] == 0;
  CHECK(zero < 20);
}
CASE(random_nothing) { CHECK(getentropy(buffer, 0) == 0); }
CASE(random_spread) {
  static unsigned char bytes[256];
  unsigned long sum = 0;
  for (int round = 0; round < 64; round++) {
    CHECK(getentropy(bytes, 256) == 0);
    for (int at = 0; at < 256; at++) sum += bytes[at];
  }
  unsigned long mean = sum / (64 * 256);
  CHECK(mean > 110 && mean < 145);
}

/* the process */
CASE(environment_is_the_pods) { CHECK(getenv("GREETING") != NULL && strcmp(getenv("GREETING"), "gr\xc3\xbc\xc3\x9f") == 0); }
CASE(environment_empty_value) { CHECK(getenv("EMPTY") != NULL && strcmp(getenv("EMPTY"), "") == 0); }
CASE(environment_nothing_else) { CHECK(getenv("PATH") == NULL && getenv("HOME") == NULL); }
CASE(environment_can_be_changed) {
  CHECK(setenv("NEW", "value", 1) == 0);
  CHECK(strcmp(getenv("NEW"), "value") == 0);
}
CASE(stdin_is_at_its_end) { CHECK(read(0, buffer, 10) == 0); }
CASE(stdin_getchar) { CHECK(getchar() == EOF); }
CASE(stdout_takes_bytes) { CHECK(write(1, "# through write\n", 16) == 16); }
CASE(stderr_takes_bytes) { CHECK(write(2, "# to stderr\n", 12) == 12); }
CASE(stdout_is_no_terminal) { CHECK(isatty(1) == 0); }
CASE(stdout_long_line) {
  memset(buffer, 'x', 20000);
  buffer[0] = '#';
  buffer[20000] = '\n';
  long done = 0;
  while (done < 20001) {
    long count = write(1, buffer + done, 20001 - done);
    CHECK(count > 0);
    done += count;
  }
}
CASE(memory_grows) {
  char *block = malloc(2 << 20);
  CHECK(block != NULL);
  memset(block, 1, 2 << 20);
  CHECK(block[(2 << 20) - 1] == 1);
  free(block);
}
CASE(memory_is_limited) {
  void *volatile much = malloc(512u << 20);
  void *volatile little = malloc(1000);
  CHECK(much == NULL && little != NULL);
}
