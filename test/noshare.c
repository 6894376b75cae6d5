/* Preloaded, it makes a disk whose files named *-shm cannot be mapped, as on some networks and in some containers. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef void *mapper(void *, size_t, int, int, int, off_t);

static void *map(const char *name, void *at, size_t size, int protection, int flags, int file, off_t offset) {
  char link[64], path[4096];
  if ((flags & MAP_SHARED) && file >= 0) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path);
    if (length >= 4 && memcmp(path + length - 4, "-shm", 4) == 0) {
      errno = ENODEV;
      return MAP_FAILED;
    }
  }
  return ((mapper *)dlsym(RTLD_NEXT, name))(at, size, protection, flags, file, offset);
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
  return map("mmap", at, size, protection, flags, file, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset) {
  return map("mmap64", at, size, protection, flags, file, offset);
}
