// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/group_registry.h"

#include <map>
#include <mutex>

#include "distributed/transport/mpi_group.h"
#include "distributed/transport/rank_env.h"
#include "distributed/transport/solo_group.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using pipeline::require;

struct Registry {
  std::mutex mutex;
  std::map<std::string, GroupFactory> factories{{"mpi", make_mpi_group}, {"solo", make_solo_group}};
};

// Made at its first use, which may be while another library registers itself at load.
Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

void register_group(const std::string& name, const GroupFactory& factory) {
  const std::lock_guard lock(registry().mutex);
  const bool added = name != "auto" && registry().factories.try_emplace(name, factory).second;
  require(added, Errc::kInvalidArgument, "[register_group] the name '", name, "' is taken");
}

std::vector<std::string> group_names() {
  const std::lock_guard lock(registry().mutex);
  std::vector<std::string> names;
  for (const auto& [name, factory] : registry().factories) names.push_back(name);
  return names;
}

std::unique_ptr<ProcessGroup> make_process_group(const GroupOptions& options) {
  options.check();
  const bool automatic = options.transport == "auto";
  const std::string name =
      automatic ? (read_rank_env().launched ? "mpi" : "solo") : options.transport;
  std::string known;
  for (const std::string& each : group_names()) known += " " + each;
  // Copied out: starting a transport takes seconds, and must not hold the lock.
  GroupFactory factory;
  {
    const std::lock_guard lock(registry().mutex);
    const auto found = registry().factories.find(name);
    require(found != registry().factories.end(),
            Errc::kUnsupported,
            "[make_process_group] no transport '",
            name,
            "'; there are: auto",
            known);
    factory = found->second;
  }
  return factory(options);
}

}  // namespace larkspur::distributed
