// SPDX-License-Identifier: Apache-2.0
// Whether, when and on which ranks a job is started again after a fault. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace larkspur::launch {

/// A line of a hostfile: `NAME slots=N`, and whatever else mpirun takes there.
struct HostSlots {
  std::string name;
  int slots = 1;       ///< >= 1
  std::string line{};  ///< all its words, without the comment

  bool operator==(const HostSlots&) const = default;
};

/// The hosts of a hostfile's text. Throws kInvalidArgument naming `file` and the line where one has
/// no `slots=N`: mpirun counts that host's cores then, which cannot be known from here.
std::vector<HostSlots> hosts_in(const std::string& text, const std::string& file);

/// Their lines, as mpirun takes them.
std::string hostfile_text(const std::vector<HostSlots>& hosts);

struct RestartOptions {
  int ranks = 1;
  int min_ranks = 0;              ///< 0: as many as at first, always
  std::int64_t max_restarts = 0;  ///< >= 0
  bool trains = true;             ///< it has steps, so that a fault can be one in vain
};

/// What happens after a fault.
struct NextStart {
  bool gives_up = false;
  std::string why{};            ///< of giving up
  int ranks = 1;                ///< of the next start
  bool on_fewer_hosts = false;  ///< than the start before
  bool is_unlisted = false;     ///< a host went that no line of the hostfile names; it stays in
  double wait_seconds = 0.0;    ///< before it
};

/// One job's starts. A fault without a new step since the one before is waited after, and three of
/// them in a row end a training: what always fails at one place will fail again. So a training
/// waits for 1, then 2 seconds; what has no steps may fail on, and waits for 1, 2, 4, ... 60
/// seconds.
class RestartPlan {
 public:
  /// `hosts` is empty where all ranks are on this host.
  RestartPlan(const RestartOptions& options, std::vector<HostSlots> hosts)
      : options_(options), hosts_(std::move(hosts)), ranks_(options.ranks) {}

  /// `highest_step` of all starts so far; `lost_host` as the hostfile or its network calls it,
  /// empty where none went: with min_ranks it is left out from now on.
  NextStart after_fault(std::int64_t highest_step, const std::string& lost_host);

  std::int64_t restarts() const { return restarts_; }
  const std::vector<HostSlots>& hosts() const { return hosts_; }  ///< those left

 private:
  bool leave_out(const std::string& host);

  RestartOptions options_;
  std::vector<HostSlots> hosts_;
  int ranks_;
  std::int64_t restarts_ = 0;
  std::int64_t highest_step_ = 0;
  int in_vain_ = 0;  ///< faults in a row without a new step
};

}  // namespace larkspur::launch
