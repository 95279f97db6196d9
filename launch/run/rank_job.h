// SPDX-License-Identifier: Apache-2.0
// This process as one rank of a job: its group, and its communicator as the loop knows them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "distributed/group_communicator.h"
#include "distributed/transport/process_group.h"
#include "distributed/transport/rank_env.h"
#include "launch/run/device.h"

namespace larkspur::launch {

/// Joins the job that mpirun started, or is a job of one. Ranks under mpirun die with their parent.
/// Destroyed while an exception is on its way, it leaves without waiting for the others.
class RankJob {
 public:
  RankJob();
  ~RankJob();
  RankJob(const RankJob&) = delete;
  RankJob& operator=(const RankJob&) = delete;

  pipeline::Communicator& communicator() { return *communicator_; }
  const distributed::RankEnv& env() const { return env_; }

  /// The group that moves tensors of `device`: over MPI on a CPU; on a GPU over NCCL, or through
  /// host memory (said aloud) where NCCL is not there or ranks share a GPU. The same on all ranks;
  /// throws kInvalidArgument when one computes on a CPU and another on a GPU. A collective call.
  distributed::ProcessGroup& tensor_group(const Device& device);

  /// Of every wait for other ranks from now on, > 0; 60 before. Before tensor_group().
  void set_deadline(double seconds);

  /// Notes every message between ranks from now on.
  void record_in(std::shared_ptr<pipeline::OperationRing> ring) {
    group_->record_in(std::move(ring));
  }

  bool is_root() const { return communicator_->rank() == 0; }

 private:
  distributed::RankEnv env_;
  std::unique_ptr<distributed::ProcessGroup> group_;
  std::unique_ptr<distributed::GroupCommunicator> communicator_;
  std::unique_ptr<distributed::ProcessGroup> tensor_group_;  ///< of GPUs; over group_
  int exceptions_before_ = 0;
  double deadline_seconds_ = 60.0;
};

/// How ranks would move tensors, told by each for itself: "host", "staged", or "nccl" with the GPU
/// it is on and what makes its host look like another (NCCL_HOSTID, may be empty).
std::string tell_transport(const Device& device, bool nccl_is_there, const std::string& host_id);

/// The transport that serves all of them: "host", "nccl", or "staged" where one has no NCCL or two
/// are on one GPU, which NCCL refuses. Throws kInvalidArgument when some are on a CPU only.
std::string common_transport(const std::vector<std::string>& told);

/// Refuses to go on when ranks were started with different configurations or lists: `told` is what
/// each says of its own. Throws kInvalidArgument naming the first rank that differs from rank 0.
void require_same(const std::vector<std::string>& told);

}  // namespace larkspur::launch
