// SPDX-License-Identifier: Apache-2.0
// Checkpoints written beside the steps.
//
//   step's thread:  begin: copy ..................... all told: safe .............. told: committed
//   every rank:           \__ shard written, fsynced --/
//   rank 0:                                             \__ shards seen, manifest --/ older ones go
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/background_work.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/state_saver.h"

namespace larkspur::pipeline {

/// Saves one state again and again, each time as save_checkpoint() does. One snapshot at most is in
/// memory, from the first save on. The thread that writes touches files and its copy of the state,
/// nothing else.
class CheckpointSaver final : public StateSaver {
 public:
  /// What begin() saves; may take the memory of the snapshot before, which is saved and not needed
  /// any more (empty at the first call).
  using TakeSnapshot = std::function<StateSnapshot(StateSnapshot before)>;

  /// A collective call: ranks agree on a name for their saves.
  CheckpointSaver(CheckpointOptions options,
                  RunIdentity run,
                  TakeSnapshot snapshot,
                  Communicator& communicator);

  void begin() override;
  bool is_busy() const override { return stage_ != Stage::kIdle; }
  std::string tell() override;
  void hear(const std::vector<std::string>& told) override;
  void pause() override;

  /// Of the last save that began.
  const std::filesystem::path& folder() const { return folder_; }

 private:
  enum class Stage : std::uint8_t { kIdle, kWriting, kCommitting };
  using Clock = std::chrono::steady_clock;

  void enter(Stage stage);
  std::string lateness() const;

  CheckpointOptions options_;
  RunIdentity run_;
  TakeSnapshot snapshot_;
  int rank_;
  std::uint32_t name_;  ///< what makes this job's folders differ from those of other jobs

  Stage stage_ = Stage::kIdle;
  std::shared_ptr<StateSnapshot> copy_;  ///< what is being written
  StateSnapshot saved_;                  ///< its shard is written: memory for the next one
  std::filesystem::path folder_;
  std::vector<std::string> shards_;  ///< [ranks] as each told its own; empty: not yet
  Clock::time_point since_;  ///< of this stage: between two of them lies a step, however long
  /// What the stage waits for is on the disk; shared with work that may be left behind.
  std::shared_ptr<std::atomic<bool>> is_written_;
  BackgroundWork work_;
};

}  // namespace larkspur::pipeline
