// SPDX-License-Identifier: Apache-2.0
#include "launch/rank_job.h"

#include <csignal>
#include <exception>

#include <sys/prctl.h>

#include "distributed/group_registry.h"
#include "distributed/rank_env.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::launch {

RankJob::RankJob() : exceptions_before_(std::uncaught_exceptions()) {
  if (distributed::read_rank_env().launched) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  group_ = distributed::make_process_group({});
  peers_ = std::make_unique<distributed::GroupPeers>(*group_);
  pipeline::configure_log(group_->rank(), group_->size(), /*debug=*/false);
}

RankJob::~RankJob() {
  if (std::uncaught_exceptions() > exceptions_before_) group_->abandon();
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
