// SPDX-License-Identifier: Apache-2.0
// Times a checkpoint of variant VARIANT of form image: what a step waits for, the whole save, the
// load.
//
//   [mpirun -n N] checkpoint_bench FOLDER [VARIANT [ROUNDS]]
//
// FOLDER is made, and stays. Rank 0 prints a line a work: its name, the median, lowest and highest
// seconds, and bytes of all ranks. `copy` and `disk` are the limits: the same bytes once through
// memory, and written to one file and synced.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "distributed/group_communicator.h"
#include "distributed/transport/group_registry.h"
#include "launch/config/run_config.h"
#include "launch/run/kept_memory.h"
#include "model3d/network.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/state/snapshot.h"
#include "pipeline/state/train_state.h"

namespace {

namespace fs = std::filesystem;
using namespace larkspur::pipeline;  // NOLINT: a program of this room's parts
using Clock = std::chrono::steady_clock;

const std::int64_t kBucketElements = larkspur::launch::TrainConfig().bucket_elements;

larkspur::model3d::Network network_of(const std::string& variant) {
  larkspur::model3d::ModelOptions options;
  options.form = "image";
  options.variant = variant;
  options.classes = 1000;
  return larkspur::model3d::Network(options);
}

std::int64_t bytes_of(const StateSnapshot& snapshot) {
  std::int64_t bytes = 0;
  for (const SnapshotPiece& piece : snapshot.pieces) bytes += piece.range.size() * 4;
  return bytes;
}

/// Into memory that is there already.
void copy_once(const StateSnapshot& from, std::vector<char>& to) {
  std::size_t at = 0;
  for (const SnapshotPiece& piece : from.pieces) {
    std::memcpy(to.data() + at, piece.values.const_data_ptr(), piece.values.nbytes());
    at += piece.values.nbytes();
  }
}

void write_raw(const fs::path& path, const std::vector<char>& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t written = ::write(file, bytes.data() + at, bytes.size() - at);
    if (written <= 0) std::perror("checkpoint_bench"), std::exit(1);
    at += static_cast<std::size_t>(written);
  }
  if (::fsync(file) != 0 || ::close(file) != 0) std::perror("checkpoint_bench"), std::exit(1);
}

class Bench {
 public:
  Bench(Communicator& communicator, const fs::path& folder, const std::string& variant, int rounds)
      : communicator_(communicator),
        folder_(folder),
        rounds_(rounds),
        network_(network_of(variant)),
        state_(network_, kBucketElements, communicator.rank(), communicator.size(), {}),
        snapshot_(take_snapshot(state_)),
        room_(static_cast<std::size_t>(bytes_of(snapshot_))) {
    fs::create_directories(folder);
  }

  void run() {
    const CheckpointOptions options{folder_ / "checkpoints", 1};
    copy_once(snapshot_, room_);
    time("copy", [&] { copy_once(snapshot_, room_); });
    time("snapshot", [&] { snapshot_ = take_snapshot(state_, std::move(snapshot_)); });
    time("disk",
         [&] { write_raw(folder_ / ("raw" + std::to_string(communicator_.rank())), room_); });
    time("save", [&] {
      ++state_.step;
      save_checkpoint(options, snapshot_of_step(), RunIdentity{}, communicator_);
    });
    time("load",
         [&] { restore_newest(options.folder, state_, communicator_, [](const Checkpoint&) {}); });
  }

 private:
  /// As a training saves: the copy was made before.
  const StateSnapshot& snapshot_of_step() {
    snapshot_.step = state_.step;
    return snapshot_;
  }

  void time(const char* name, const std::function<void()>& work) {
    std::vector<double> times;
    for (int round = 0; round < rounds_; ++round) {
      communicator_.all_gather("");
      const auto begin = Clock::now();
      work();
      communicator_.all_gather("");
      times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
    std::sort(times.begin(), times.end());
    std::int64_t bytes = 0;
    for (const std::string& told : communicator_.all_gather(std::to_string(bytes_of(snapshot_)))) {
      bytes += std::stoll(told);
    }
    if (communicator_.rank() != 0) return;
    std::printf("%s %.6f %.6f %.6f %lld\n",
                name,
                times[times.size() / 2],
                times.front(),
                times.back(),
                static_cast<long long>(bytes));
  }

  Communicator& communicator_;
  fs::path folder_;
  int rounds_;
  larkspur::model3d::Network network_;
  TrainState state_;
  StateSnapshot snapshot_;
  std::vector<char> room_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: [mpirun -n N] checkpoint_bench FOLDER [VARIANT [ROUNDS]]\n");
    return 2;
  }
  larkspur::launch::keep_freed_memory();  // both as the program does
  larkspur::launch::ask_for_huge_pages();
  const auto group = larkspur::distributed::make_process_group({});
  larkspur::distributed::GroupCommunicator communicator(*group);
  const std::string variant = argc > 2 ? argv[2] : "t";
  Bench(communicator, argv[1], variant, argc > 3 ? std::atoi(argv[3]) : 5).run();
}
