// SPDX-License-Identifier: Apache-2.0
// The last things a rank did, in a file mapped into memory: what was written stays when the process
// dies of SIGKILL, and costs no call into the system. For people who ask who waited for whom.
//
//   file: header (rank, host, step, phase) | 64 operations, the oldest overwritten
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace larkspur::pipeline {

/// One message between ranks, as it was last seen.
struct Operation {
  std::int64_t number = 0;  ///< from 1, in the order they began
  std::int64_t step = 0;    ///< that was under way
  std::string what;         ///< "all_to_all bucket 3"
  double began = 0.0;       ///< seconds since 1970
  double ended = 0.0;       ///< likewise; 0: it had not
  std::string waits_for;    ///< "rank 1, 3", of one that had not ended and took a while
};

/// What a ring's file says.
struct OperationRecord {
  int rank = 0;
  int ranks = 1;
  std::string host;
  std::int64_t process = 0;           ///< its id on that host
  std::int64_t step = 0;              ///< the one under way, from 1; 0: none yet
  std::string phase;                  ///< as name_of(RunPhase)
  double phase_since = 0.0;           ///< seconds since 1970
  std::vector<Operation> operations;  ///< oldest first
};

/// Written by one process; safe from any thread of it.
class OperationRing {
 public:
  /// Makes the file anew. Throws kIo.
  OperationRing(const std::filesystem::path& path, int rank, int ranks);
  ~OperationRing();
  OperationRing(const OperationRing&) = delete;
  OperationRing& operator=(const OperationRing&) = delete;

  void at(std::int64_t step, std::string_view phase);

  /// Returns its number, for the calls below; they do nothing once it has been overwritten.
  std::int64_t begin(std::string_view what);
  void waiting(std::int64_t number, std::string_view for_whom);
  void end(std::int64_t number);

  /// What a file says, of a process that lives or of one that is gone. Throws kNotFound;
  /// kCorruptData where it is no such file.
  static OperationRecord read(const std::filesystem::path& path);

 private:
  struct File;
  struct Slot;
  Slot* slot_of(std::int64_t number);

  std::mutex mutex_;
  File* file_ = nullptr;  ///< mapped
};

/// Where a run keeps its ranks' files, and those of the start before.
std::filesystem::path operations_folder(const std::filesystem::path& run);
std::filesystem::path previous_operations_folder(const std::filesystem::path& run);

/// The file of a rank in one of them.
std::filesystem::path operations_file(const std::filesystem::path& folder, int rank);

}  // namespace larkspur::pipeline
