// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/restart_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <sstream>

#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::text_of;

constexpr int kInVain = 3;
constexpr double kLongestWait = 60.0;

int slots_of(const std::vector<HostSlots>& hosts) {
  return std::accumulate(hosts.begin(), hosts.end(), 0, [](int sum, const HostSlots& host) {
    return sum + host.slots;
  });
}

/// "node1" is "node1.cluster" as well.
bool is_same_host(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto names = [](const std::string& name) {
    return name.find_first_not_of("0123456789.") != std::string::npos;  // no address
  };
  return names(a) && names(b) && a.substr(0, a.find('.')) == b.substr(0, b.find('.'));
}

}  // namespace

std::vector<HostSlots> hosts_in(const std::string& text) {
  std::vector<HostSlots> hosts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    HostSlots host;
    if (!(words >> host.name)) continue;
    for (std::string word; words >> word;) {
      if (word.starts_with("slots=")) host.slots = std::max(1, std::atoi(word.c_str() + 6));
    }
    hosts.push_back(std::move(host));
  }
  return hosts;
}

std::string hostfile_text(const std::vector<HostSlots>& hosts) {
  std::string text;
  for (const HostSlots& host : hosts) text += text_of(host.name, " slots=", host.slots, "\n");
  return text;
}

bool RestartPlan::leave_out(const std::string& host) {
  return std::erase_if(hosts_,
                       [&](const HostSlots& known) { return is_same_host(known.name, host); }) > 0;
}

NextStart RestartPlan::after_fault(std::int64_t highest_step, const std::string& lost_host) {
  NextStart next;
  in_vain_ = highest_step > highest_step_ ? 0 : in_vain_ + 1;
  highest_step_ = std::max(highest_step_, highest_step);
  const bool left_out = options_.min_ranks > 0 && !lost_host.empty() && leave_out(lost_host);
  if (left_out) ranks_ = std::min(ranks_, slots_of(hosts_));
  next.ranks = ranks_;
  next.on_fewer_hosts = left_out;
  next.gives_up = true;
  if (restarts_ == options_.max_restarts) {
    next.why = text_of("after ", restarts_, " restarts");
  } else if (left_out && ranks_ < options_.min_ranks) {
    next.why = text_of("and without ",
                       lost_host,
                       " there are slots for ",
                       ranks_,
                       " ranks, fewer than --min-ranks ",
                       options_.min_ranks);
  } else if (options_.trains && in_vain_ >= kInVain) {
    next.why = text_of("without a step behind step ",
                       highest_step_,
                       " in ",
                       kInVain,
                       " starts in a row, after ",
                       restarts_,
                       " restarts");
  } else {
    next.gives_up = false;
    ++restarts_;
    if (in_vain_ > 0) next.wait_seconds = std::min(kLongestWait, std::ldexp(1.0, in_vain_ - 1));
  }
  return next;
}

}  // namespace larkspur::launch
