// SPDX-License-Identifier: Apache-2.0
#include "launch/run/rank_job.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <set>

#include <sys/prctl.h>

#include "distributed/transport/group_registry.h"
#include "distributed/transport/staged_group.h"
#include "launch/run/last_words.h"
#include "pipeline/all_or_none.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

constexpr const char* kHost = "host";
constexpr const char* kNccl = "nccl";
constexpr const char* kStaged = "staged";

bool nccl_is_there() {
  const std::vector<std::string> there = distributed::group_names();
  return std::ranges::find(there, kNccl) != there.end();
}

}  // namespace

RankJob::RankJob()
    : env_(distributed::read_rank_env()), exceptions_before_(std::uncaught_exceptions()) {
  if (env_.launched) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  group_ = distributed::make_process_group({});
  communicator_ = std::make_unique<distributed::GroupCommunicator>(*group_);
  pipeline::configure_log(group_->rank(), group_->size(), /*debug=*/false);
}

RankJob::~RankJob() {
  if (std::uncaught_exceptions() <= exceptions_before_) return;
  if (tensor_group_) tensor_group_->abandon();
  group_->abandon();
}

void RankJob::set_deadline(double seconds) {
  deadline_seconds_ = seconds;
  group_->set_deadline(seconds);
}

distributed::ProcessGroup& RankJob::tensor_group(const Device& device) {
  const char* host_id = std::getenv("NCCL_HOSTID");
  const auto told = pipeline::all_or_none(*communicator_, [&] {
    return tell_transport(device, nccl_is_there(), host_id == nullptr ? "" : host_id);
  });
  const std::string transport = common_transport(told);
  check_same_facts(pipeline::all_or_none(*communicator_, [&] { return device.facts; }));
  if (transport == kHost) return *group_;
  if (transport == kNccl && told.size() > 1) {
    distributed::GroupOptions options{kNccl, deadline_seconds_};
    options.bootstrap = group_.get();
    options.on_failure = end_process;
    tensor_group_ = distributed::make_process_group(options);
  } else {
    if (told.size() > 1) {
      pipeline::log_warn("gradients travel through host memory: NCCL needs a GPU for each rank");
    }
    tensor_group_ = distributed::make_staged_group(*group_, device.place);
  }
  return *tensor_group_;
}

std::string tell_transport(const Device& device, bool nccl_is_there, const std::string& host_id) {
  if (device.place.is_cpu()) return kHost;
  if (!nccl_is_there) return kStaged;
  return pipeline::text_of(kNccl, " ", device.uuid, " ", host_id);
}

std::string common_transport(const std::vector<std::string>& told) {
  for (const std::string& transport : told) {
    pipeline::require(
        (transport == kHost) == (told[0] == kHost),
        pipeline::Errc::kInvalidArgument,
        "some ranks compute on a GPU and some on a CPU: set device=cpu or device=cuda");
  }
  if (told[0] == kHost) return kHost;
  if (std::ranges::find(told, kStaged) != told.end()) return kStaged;
  const std::set<std::string> different(told.begin(), told.end());
  return different.size() == told.size() ? kNccl : kStaged;
}

void require_same(const std::vector<std::string>& told) {
  for (std::size_t rank = 1; rank < told.size(); ++rank) {
    pipeline::require(
        told[rank] == told[0],
        pipeline::Errc::kInvalidArgument,
        "rank ",
        rank,
        " has another configuration or list than rank 0: all ranks must see the same files");
  }
}

}  // namespace larkspur::launch
