// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint_saver.h"

#include <algorithm>
#include <random>
#include <utility>

#include "pipeline/all_or_none.h"
#include "pipeline/checkpoint/checkpoint_files.h"
#include "pipeline/checkpoint/checkpoint_writer.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

std::uint32_t agreed_name(Communicator& communicator) {
  const std::string mine = std::to_string(std::random_device{}());
  return static_cast<std::uint32_t>(std::stoul(communicator.all_gather(mine).front()));
}

}  // namespace

CheckpointSaver::CheckpointSaver(CheckpointOptions options,
                                 RunIdentity run,
                                 TakeSnapshot snapshot,
                                 Communicator& communicator)
    : options_(std::move(options)),
      run_(std::move(run)),
      snapshot_(std::move(snapshot)),
      rank_(communicator.rank()),
      name_(agreed_name(communicator)),
      shards_(static_cast<std::size_t>(communicator.size())) {}

void CheckpointSaver::begin() {
  require(!is_busy(), Errc::kInvalidArgument, "a save begins while another is under way");
  copy_ = std::make_shared<StateSnapshot>(snapshot_(std::exchange(saved_, {})));
  const std::shared_ptr<const StateSnapshot> copy = copy_;
  folder_ = options_.folder / new_checkpoint_name(copy->step, name_);
  std::ranges::fill(shards_, std::string());
  enter(Stage::kWriting);
  work_.start([copy, folder = folder_, rank = rank_] {
    return outcome_of(rank, [&] { return write_shard(folder, *copy, rank); });
  });
}

void CheckpointSaver::enter(Stage stage) {
  stage_ = stage;
  since_ = Clock::now();
  is_written_ = std::make_shared<std::atomic<bool>>(false);
}

std::string CheckpointSaver::tell() {
  if (auto outcome = work_.take()) return std::move(*outcome);
  if (!work_.is_under_way()) return {};
  const std::string late = lateness();
  if (late.empty()) return {};
  return outcome_of(rank_, [&]() -> std::string { throw Error(Errc::kIo, late); });
}

void CheckpointSaver::hear(const std::vector<std::string>& told) {
  if (!is_busy()) return;
  const std::vector<std::string> results = results_of(told);
  if (stage_ == Stage::kCommitting) {
    if (results.front().empty()) return;
    stage_ = Stage::kIdle;
    log_debug(text_of("saved ", folder_.string()));
    return;
  }
  for (std::size_t rank = 0; rank < results.size(); ++rank) {
    if (!results[rank].empty()) shards_[rank] = results[rank];
  }
  if (std::ranges::any_of(shards_, &std::string::empty)) return;
  enter(Stage::kCommitting);
  if (rank_ == 0) {
    const CheckpointManifest manifest{
        kCheckpointFormat, copy_->step, run_, copy_->bad, {}, copy_->scaler};
    work_.start([manifest,
                 options = options_,
                 folder = folder_,
                 shards = shards_,
                 is_written = is_written_] {
      return outcome_of(0, [&] {
        commit_checkpoint(folder, manifest, shards);
        *is_written = true;
        remove_older(options, folder, manifest.step);
        return std::string("committed");
      });
    });
  }
  saved_ = std::move(*copy_);  // the thread has told its shard: it is through with it
  copy_.reset();
}

void CheckpointSaver::pause() { work_.wait(0.05); }

std::string CheckpointSaver::lateness() const {
  const std::chrono::duration<double> seconds = Clock::now() - since_;
  if (*is_written_ || seconds.count() <= options_.deadline_seconds) return {};
  const std::string file =
      stage_ == Stage::kWriting ? shard_file_name(rank_) : std::string("manifest.json");
  return text_of((folder_ / file).string(),
                 " is not on the disk after ",
                 options_.deadline_seconds,
                 " s, the longest that a save may take: look at that disk");
}

std::filesystem::path save_checkpoint(const CheckpointOptions& options,
                                      const StateSnapshot& state,
                                      const RunIdentity& run,
                                      Communicator& communicator) {
  CheckpointSaver saver(
      options, run, [&](const StateSnapshot&) { return state; }, communicator);
  saver.begin();
  finish_save(saver, communicator);
  return saver.folder();
}

std::filesystem::path save_checkpoint(const CheckpointOptions& options,
                                      const TrainState& state,
                                      const RunIdentity& run,
                                      Communicator& communicator) {
  return save_checkpoint(options, take_snapshot(state), run, communicator);
}

}  // namespace larkspur::pipeline
