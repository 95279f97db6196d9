// SPDX-License-Identifier: Apache-2.0
#include "tests/support/disk_faults.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace larkspur::testing {
namespace {

/// In memory that forked processes share.
struct Shared {
  std::atomic<int> calls{0};
  char committed[4096] = {};
};

Shared& shared() {
  static Shared* const instance = new (::mmap(
      nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared;
  return *instance;
}

std::atomic<DiskFault> planned{DiskFault::kNone};
std::atomic<bool> is_armed{false};
int planned_at = 0;
char planned_part[256] = {};

std::mutex unsynced_mutex;
std::map<std::pair<dev_t, ino_t>, int> unsynced;  // descriptors of our own

void remember(int file) {
  struct stat status {};
  if (planned != DiskFault::kPowerCut || ::fstat(file, &status) != 0) return;
  const std::lock_guard lock(unsynced_mutex);
  int& kept = unsynced[{status.st_dev, status.st_ino}];
  if (kept == 0) kept = ::fcntl(file, F_DUPFD_CLOEXEC, 3);
}

void forget(int file) {
  struct stat status {};
  if (planned != DiskFault::kPowerCut || ::fstat(file, &status) != 0) return;
  const std::lock_guard lock(unsynced_mutex);
  const auto found = unsynced.find({status.st_dev, status.st_ino});
  if (found == unsynced.end()) return;
  ::close(found->second);
  unsynced.erase(found);
}

[[noreturn]] void die() {
  const std::lock_guard lock(unsynced_mutex);
  for (const auto& [id, file] : unsynced) {
    struct stat status {};
    if (::fstat(file, &status) == 0 && ::ftruncate(file, status.st_size / 2) != 0) continue;
  }
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

bool concerns(const char* name) {
  return is_armed && name != nullptr && std::strstr(name, planned_part) != nullptr;
}

bool concerns(int file) {
  if (!is_armed) return false;
  char link[64];
  char name[4096] = {};
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
  return ::readlink(link, name, sizeof(name) - 1) > 0 && concerns(name);
}

/// What is to happen at this call.
DiskFault fault_now() {
  const int call = shared().calls++;
  const DiskFault fault = planned;
  if (call < planned_at) return DiskFault::kNone;
  if (fault == DiskFault::kKill || fault == DiskFault::kPowerCut) die();
  while (planned == DiskFault::kHold) ::usleep(1000);
  return fault;
}

/// Whether the call fails; errno is set.
bool fails(DiskFault fault) {
  if (fault == DiskFault::kNoSpace) errno = ENOSPC;
  if (fault == DiskFault::kIoError) errno = EIO;
  return fault == DiskFault::kNoSpace || fault == DiskFault::kIoError;
}

}  // namespace

void plan_disk_fault(DiskFault fault, int at, const std::string& part) {
  shared().calls = 0;
  shared().committed[0] = 0;
  planned_at = at;
  std::snprintf(planned_part, sizeof(planned_part), "%s", part.c_str());
  planned = fault;
  is_armed = true;
}

void release_disk() {
  planned = DiskFault::kNone;
  is_armed = false;
}

int disk_calls() { return shared().calls; }

std::string last_committed() { return shared().committed; }

}  // namespace larkspur::testing

using larkspur::testing::DiskFault;

extern "C" {

ssize_t write(int file, const void* data, std::size_t bytes) {
  if (!larkspur::testing::concerns(file)) return ::syscall(SYS_write, file, data, bytes);
  const DiskFault fault = larkspur::testing::fault_now();
  const bool is_first = larkspur::testing::disk_calls() == larkspur::testing::planned_at + 1;
  if (fault == DiskFault::kNoSpace && is_first && bytes > 1) {
    bytes /= 2;
  } else if (larkspur::testing::fails(fault)) {
    return -1;
  }
  if (fault == DiskFault::kShort && bytes > 1) --bytes;
  larkspur::testing::remember(file);
  return ::syscall(SYS_write, file, data, bytes);
}

int fsync(int file) {
  if (larkspur::testing::concerns(file)) {
    if (larkspur::testing::fails(larkspur::testing::fault_now())) return -1;
    larkspur::testing::forget(file);
  }
  return static_cast<int>(::syscall(SYS_fsync, file));
}

int rename(const char* from, const char* to) noexcept {
  const bool is_counted = larkspur::testing::concerns(to);
  if (is_counted && larkspur::testing::fails(larkspur::testing::fault_now())) return -1;
  const int failed = static_cast<int>(::syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
  const char* name = std::strstr(to, "/manifest.json");
  if (is_counted && failed == 0 && name != nullptr) {
    auto& committed = larkspur::testing::shared().committed;
    std::snprintf(committed, sizeof(committed), "%.*s", static_cast<int>(name - to), to);
  }
  return failed;
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (larkspur::testing::concerns(path) &&
      larkspur::testing::fails(larkspur::testing::fault_now())) {
    return -1;
  }
  return static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

int unlink(const char* path) noexcept {
  if (larkspur::testing::concerns(path) &&
      larkspur::testing::fails(larkspur::testing::fault_now())) {
    return -1;
  }
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int remove(const char* path) noexcept {
  const int failed = ::unlink(path);
  if (failed == 0 || errno != EISDIR) return failed;
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}

dirent* readdir(DIR* folder) {
  using Read = dirent* (*)(DIR*);
  static const auto system = reinterpret_cast<Read>(::dlsym(RTLD_NEXT, "readdir"));
  if (larkspur::testing::concerns(::dirfd(folder)) &&
      larkspur::testing::fails(larkspur::testing::fault_now())) {
    return nullptr;
  }
  return system(folder);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  if (larkspur::testing::concerns(path[0] == '/' ? path : "") ||
      (folder >= 0 && larkspur::testing::concerns(folder))) {
    if (larkspur::testing::fails(larkspur::testing::fault_now())) return -1;
  }
  return static_cast<int>(::syscall(SYS_unlinkat, folder, path, flags));
}

}  // extern "C"
