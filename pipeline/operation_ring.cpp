// SPDX-License-Identifier: Apache-2.0
#include "pipeline/operation_ring.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

constexpr std::size_t kSlots = 64;
constexpr char kMagic[8] = {'o', 'p', 'e', 'r', 'i', 'n', 'g', '1'};

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <std::size_t size>
void put(char (&field)[size], std::string_view text) {
  const std::size_t length = std::min(text.size(), size - 1);
  std::memcpy(field, text.data(), length);
  field[length] = '\0';
}

template <std::size_t size>
std::string text_in(const char (&field)[size]) {
  return {field, ::strnlen(field, size)};
}

}  // namespace

struct OperationRing::Slot {
  std::int64_t number;  ///< 0: empty
  std::int64_t step;
  double began;
  double ended;
  char what[48];
  char waits_for[32];
};

/// As it lies in the file, in this machine's byte order.
struct OperationRing::File {
  char magic[8];
  std::int32_t rank;
  std::int32_t ranks;
  std::int64_t process;
  std::int64_t step;
  std::int64_t last;  ///< number of the newest operation
  double phase_since;
  char host[64];
  char phase[16];
  Slot slots[kSlots];
};

OperationRing::OperationRing(const std::filesystem::path& path, int rank, int ranks) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  require(file >= 0, Errc::kIo, "cannot create ", path.string(), ": ", std::strerror(errno));
  // Room now, not when it is written to: a full disk would be a SIGBUS then.
  const int failed = ::posix_fallocate(file, 0, sizeof(File));
  void* memory = failed != 0
                     ? MAP_FAILED
                     : ::mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int error = failed != 0 ? failed : errno;
  ::close(file);
  require(
      memory != MAP_FAILED, Errc::kIo, "cannot map ", path.string(), ": ", std::strerror(error));
  file_ = static_cast<File*>(memory);
  std::memset(memory, 0, sizeof(File));
  file_->rank = rank;
  file_->ranks = ranks;
  file_->process = ::getpid();
  (void)::gethostname(file_->host, sizeof(file_->host) - 1);
  at(0, "start");
  std::memcpy(file_->magic, kMagic, sizeof(kMagic));
}

OperationRing::~OperationRing() { ::munmap(file_, sizeof(File)); }

void OperationRing::at(std::int64_t step, std::string_view phase) {
  const std::lock_guard lock(mutex_);
  file_->step = step;
  put(file_->phase, phase);
  file_->phase_since = now();
}

OperationRing::Slot* OperationRing::slot_of(std::int64_t number) {
  Slot& slot = file_->slots[static_cast<std::size_t>(number) % kSlots];
  return slot.number == number ? &slot : nullptr;
}

std::int64_t OperationRing::begin(std::string_view what) {
  const std::lock_guard lock(mutex_);
  const std::int64_t number = file_->last + 1;
  Slot& slot = file_->slots[static_cast<std::size_t>(number) % kSlots];
  slot.number = 0;
  slot.step = file_->step;
  slot.began = now();
  slot.ended = 0.0;
  put(slot.what, what);
  put(slot.waits_for, "");
  slot.number = number;
  file_->last = number;
  return number;
}

void OperationRing::waiting(std::int64_t number, std::string_view for_whom) {
  const std::lock_guard lock(mutex_);
  if (Slot* slot = slot_of(number)) put(slot->waits_for, for_whom);
}

void OperationRing::end(std::int64_t number) {
  const std::lock_guard lock(mutex_);
  if (Slot* slot = slot_of(number)) slot->ended = now();
}

OperationRecord OperationRing::read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  require(stream.good(), Errc::kNotFound, path.string(), " is not there");
  const auto file = std::make_unique<File>();
  stream.read(reinterpret_cast<char*>(file.get()), sizeof(File));
  require(stream.gcount() == sizeof(File) && std::memcmp(file->magic, kMagic, sizeof(kMagic)) == 0,
          Errc::kCorruptData,
          path.string(),
          " is no record of a rank's last operations, or of a processor of another kind");
  OperationRecord record{file->rank,
                         file->ranks,
                         text_in(file->host),
                         file->process,
                         file->step,
                         text_in(file->phase),
                         file->phase_since,
                         {}};
  for (const Slot& slot : file->slots) {
    if (slot.number <= 0) continue;
    record.operations.push_back({slot.number,
                                 slot.step,
                                 text_in(slot.what),
                                 slot.began,
                                 slot.ended,
                                 slot.ended == 0.0 ? text_in(slot.waits_for) : std::string()});
  }
  std::ranges::sort(record.operations, {}, &Operation::number);
  return record;
}

std::filesystem::path operations_folder(const std::filesystem::path& run) {
  return run / "operations";
}

std::filesystem::path previous_operations_folder(const std::filesystem::path& run) {
  return run / "operations.previous";
}

std::filesystem::path operations_file(const std::filesystem::path& folder, int rank) {
  char name[64];
  std::snprintf(name, sizeof(name), "rank-%05d.ring", rank);
  return folder / name;
}

}  // namespace larkspur::pipeline
