// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/rank_env.h"

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using pipeline::require;

constexpr int kMost = 1 << 20;  // ranks, or nodes
constexpr const char* kTasks = "SLURM_STEP_TASKS_PER_NODE";

/// The whole text as a number in [least, most].
int number_of(const char* name, std::string_view text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(
      error == std::errc() && end == text.data() + text.size() && value >= least && value <= most,
      Errc::kInvalidArgument,
      "[rank_env] ",
      name,
      " is '",
      text,
      "', not a number in [",
      least,
      ", ",
      most,
      "]");
  return value;
}

/// Reads "2(x3),1", tasks on each node with repeats, at node `node`.
int tasks_on_node(const char* name, std::string_view list, int node) {
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    const std::size_t open = item.find("(x");
    const int tasks = number_of(name, item.substr(0, open), 1, kMost);
    int nodes = 1;
    if (open != std::string_view::npos) {
      nodes = number_of(name, item.substr(open + 2, item.size() - open - 3), 1, kMost);
    }
    if (node < nodes) return tasks;
    node -= nodes;
  }
  throw pipeline::Error(
      Errc::kInvalidArgument,
      pipeline::text_of("[rank_env] ", name, " is '", list, "', too short for SLURM_NODEID"));
}

/// The variables of one launcher.
class Variables {
 public:
  explicit Variables(const GetEnv& get_env) : get_env_(get_env) {}

  bool has(const char* name) const { return get_env_(name) != nullptr; }
  std::string_view text(const char* name) const {
    const char* value = get_env_(name);
    require(value != nullptr, Errc::kInvalidArgument, "[rank_env] ", name, " is not set");
    return value;
  }
  int number(const char* name, int least, int most) const {
    return number_of(name, text(name), least, most);
  }

  /// rank and size, local rank and local size under these names.
  RankEnv ranks(const char* rank,
                const char* size,
                const char* local_rank,
                const char* local_size) const {
    RankEnv env;
    env.launched = true;
    env.size = number(size, 1, kMost);
    env.rank = number(rank, 0, env.size - 1);
    env.local_size = number(local_size, 1, env.size);
    env.local_rank = number(local_rank, 0, env.local_size - 1);
    return env;
  }

 private:
  const GetEnv& get_env_;
};

RankEnv slurm_ranks(const Variables& variables) {
  RankEnv env;
  env.launched = true;
  env.size = variables.number("SLURM_STEP_NUM_TASKS", 1, kMost);
  env.rank = variables.number("SLURM_PROCID", 0, env.size - 1);
  const int node = variables.number("SLURM_NODEID", 0, env.size - 1);
  env.local_size = tasks_on_node(kTasks, variables.text(kTasks), node);
  env.local_rank = variables.number("SLURM_LOCALID", 0, env.local_size - 1);
  return env;
}

}  // namespace

RankEnv read_rank_env(const GetEnv& get_env) {
  const Variables variables(get_env);
  if (variables.has("OMPI_COMM_WORLD_SIZE")) {
    return variables.ranks("OMPI_COMM_WORLD_RANK",
                           "OMPI_COMM_WORLD_SIZE",
                           "OMPI_COMM_WORLD_LOCAL_RANK",
                           "OMPI_COMM_WORLD_LOCAL_SIZE");
  }
  // srun without an MPI plugin sets SLURM_* as well, and so does a batch script.
  const bool speaks_pmi = variables.has("PMI_RANK") || variables.has("PMIX_RANK");
  if (speaks_pmi && variables.has("SLURM_STEP_NUM_TASKS")) return slurm_ranks(variables);
  if (variables.has("PMI_SIZE")) {
    return variables.ranks("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS");
  }
  return {};
}

RankEnv read_rank_env() {
  return read_rank_env([](const char* name) { return std::getenv(name); });
}

}  // namespace larkspur::distributed
